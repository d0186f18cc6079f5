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
  const nodes = placeable(map);
  if (nodes.length < map.policy.n) return [];
  return map.partitions.flatMap(({ sets: [set, changing] }, partition) => {
    if (set === undefined || changing !== undefined) return [];
    const to = targetOf(map, nodes, partition, set);
    return to === undefined ? [] : [{ partition, to }];
  });
}

/**
 * Partitions that are on their way to where nobody wants them any more: they are to be what they were before. Whoever changes the policy twice, or
 * takes a change back, need not wait for an end that may not come.
 */
export function unwantedIn(map: ClusterMap): readonly number[] {
  const nodes = placeable(map);
  if (nodes.length < map.policy.n) return [];
  return map.partitions.flatMap(({ sets: [from, to] }, partition) => {
    if (from === undefined || to === undefined) return [];
    return targetOf(map, nodes, partition, from) === undefined ? [partition] : [];
  });
}

/** What a partition with this replica set is to have instead; undefined: it may stay. */
function targetOf(
  { policy: { n, w, r } }: ClusterMap,
  nodes: ClusterMap["nodes"],
  partition: number,
  set: ReplicaSet,
): ReplicaSet | undefined {
  const target = replicasFor(nodes, partition, n);
  const same = target.length === set.nodes.length && target.every((node) => set.nodes.includes(node));
  if (same && set.w === w && set.r === r) return undefined;
  return { nodes: same ? set.nodes : target, w, r };
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

/**
 * The old set alone, again. Safe at any moment, with no barrier and no rescan: every count of the joint configuration was needed in the old set, too, so whatever
 * was chosen or read since the change began stands there as if the change had never begun.
 */
export function takenBack({ number, sets }: Configuration): Configuration {
  const [from, to] = sets;
  assert(from !== undefined && to !== undefined, "only a joint configuration is taken back");
  return { number: number + 1, sets: [from] };
}

/** The nodes that join with a joint configuration. */
export function joiningIn({ sets: [from, to] }: Configuration): readonly NodeNumber[] {
  return to?.nodes.filter((node) => !from?.nodes.includes(node)) ?? [];
}
