/**
 * Which partitions change, and to what: from where they are to where placement would have them. Pure, and a function of the map alone. So the
 * plan of a rebalance needs no store of its own: what is still to be done is whatever differs, what is under way stands in the map as joint
 * configurations, and a SuperNode that begins anew goes on where its predecessor was.
 */
import { assert } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { type ClusterMap, type Configuration, NodeState, type ReplicaSet } from "../wire/messages.ts";
import { joinedWith } from "./map.ts";
import { replicasFor } from "./placement.ts";

/** A partition and the replica set that it is to have. */
export interface Move {
  readonly partition: number;
  readonly to: ReplicaSet;
}

/** Nodes that partitions are placed on. One that is down keeps its place: most come back. */
export function placeable(map: ClusterMap): ClusterMap["nodes"] {
  return map.nodes.filter(({ state }) => state !== NodeState.DRAINING);
}

/**
 * Every partition that does not change already and is not where it belongs, by number. Minimal movement is placement's (placement.ts);
 * a partition whose replicas are the right ones in another order stays as it is. None while there are fewer nodes than replicas.
 */
export function movesOf(map: ClusterMap): readonly Move[] {
  const { n, w, r } = map.policy;
  const nodes = placeable(map);
  if (nodes.length < n) return [];
  return map.partitions.flatMap((configuration, partition) => {
    const [set, changing] = configuration.sets;
    if (set === undefined || changing !== undefined) return [];
    const target = replicasFor(nodes, partition, n);
    const same = target.length === set.nodes.length && target.every((node) => set.nodes.includes(node));
    if (same && set.w === w && set.r === r) return [];
    return [{ partition, to: { nodes: same ? set.nodes : target, w, r } }];
  });
}

/** Joint: every count is needed in the old set and in the new one (P10). Who joins does so with this configuration (P15). */
export function begun(configuration: Configuration, to: ReplicaSet): Configuration {
  const [from] = configuration.sets;
  assert(from !== undefined && configuration.sets.length === 1, "one change of a partition at a time");
  const number = configuration.number + 1;
  const since = to.nodes.map((node) => (from.nodes.includes(node) ? joinedWith(configuration, node) : number));
  return { number, sets: [from, { ...to, since }] };
}

/** The new set alone: everything is carried over. */
export function finished({ number, sets }: Configuration): Configuration {
  const [, to] = sets;
  assert(to !== undefined, "only a joint configuration ends");
  return { number: number + 1, sets: [to] };
}

/** Such a replica holds of the partition what has been carried over so far, and need not hold more (P16). */
export function isJoining(configuration: Configuration, node: NodeNumber): boolean {
  return joiningIn(configuration).includes(node);
}

/** The nodes that join with a joint configuration. */
export function joiningIn({ sets: [from, to] }: Configuration): readonly NodeNumber[] {
  return to?.nodes.filter((node) => !from?.nodes.includes(node)) ?? [];
}
