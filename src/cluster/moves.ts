/**
 * Which partitions change, and to what: from where they are to where placement would have them. Pure, and a function of the map alone. So the
 * plan of a rebalance needs no store of its own: what is still to be done is whatever differs, what is under way stands in the map as joint
 * configurations, and a SuperNode that begins anew goes on where its predecessor was.
 */
import { assert } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import type { ClusterMap, Configuration, Node, ReplicaSet } from "../wire/messages.ts";
import { isReplica, joinedWith } from "./map.ts";
import { type PlacementNode, replicasFor } from "./placement.ts";
import { deadOf, isGone, placeable, survivorsOf } from "./standing.ts";

/** A partition and the replica set that it is to have. */
export interface Move {
  readonly partition: number;
  readonly to: ReplicaSet;
}

/** A change under way that is given up for another one, or for none. */
export interface Turn {
  readonly partition: number;
  readonly next: Configuration;
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
    const to = targetOf(map, placesFor(map, nodes, set), partition, set);
    return to === undefined ? [] : [{ partition, to }];
  });
}

/**
 * Every change under way that must not, or need not, come to its end:
 * * the partition belongs where it was: a drain was cancelled, a quorum taken back or changed again. Whoever changes the policy twice need not
 *   wait for an end that may not come.
 * * A replica of it is gone from the nodes that partitions are placed on (drained, down for long, dead).
 *
 * What is merely planned differently by now (one more node has come, a third quorum is wanted) comes to its end first. And so does what a recovery
 * found (P17): a life that was lost may have issued its end, of which one of the old set alone has heard, which has dropped its share since. So
 * the old set may lack what was chosen, and the new one is needed until it stands alone. Only the dead leave it (onwards).
 */
export function turnsOf(map: ClusterMap): readonly Turn[] {
  const nodes = placeable(map);
  if (nodes.length < map.policy.n) return [];
  const dead = deadOf(map);
  const numbers = new Set(nodes.map(({ number }) => number));
  return map.partitions.flatMap((configuration, partition) => {
    const [from, to] = configuration.sets;
    if (from === undefined || to === undefined) return [];
    if (configuration.recovered) return onwards(configuration, dead).map((next) => ({ partition, next }));
    if (targetOf(map, nodes, partition, from) === undefined) return [{ partition, next: takenBack(configuration) }];
    const bereft = from.nodes.some((node) => dead.has(node));
    if (!bereft && to.nodes.every((node) => numbers.has(node))) return [];
    const target = targetOf(map, placesFor(map, nodes, from), partition, to);
    return [{ partition, next: begun(configuration, target ?? to, dead) }];
  });
}

/**
 * Where a partition may be placed. One that has lost a replica for good does not wait for a node that comes and goes, to which nothing is moved: that may
 * go on for ever, and with W = N nothing is written meanwhile. Others take the share, if they are enough, and hand it on when that node is steady. (Who
 * is merely down is waited for: it is back soon, or replaced.)
 */
function placesFor(map: ClusterMap, nodes: readonly Node[], { nodes: replicas }: ReplicaSet): readonly Node[] {
  const staying = new Set(map.nodes.filter((node) => !isGone(node)).map(({ number }) => number));
  if (replicas.every((node) => staying.has(node))) return nodes;
  const steady = nodes.filter(({ number, held = false }) => !held || replicas.includes(number));
  return steady.length < map.policy.n ? nodes : steady;
}

/** What a partition with this replica set is to have instead; undefined: it may stay. */
function targetOf(
  { policy: { n, w, r } }: ClusterMap,
  nodes: readonly PlacementNode[],
  partition: number,
  set: ReplicaSet,
): ReplicaSet | undefined {
  const target = replicasFor(nodes, partition, n);
  const same = target.length === set.nodes.length && target.every((node) => set.nodes.includes(node));
  if (same && set.w === w && set.r === r) return undefined;
  return { nodes: same ? set.nodes : target, w, r };
}

/**
 * Joint: every count is needed in the old set, of which only the living count (survivorsOf), and in the new one (P10). Who joins does so with
 * this configuration (P15).
 *
 * A joint configuration may be followed by another one with the same old set. Whatever was chosen in it was accepted by W of the old set, as was
 * whatever was chosen before; so that set is all that the next one needs to begin from, and no quorum of either forms beside one of the other,
 * since both need one in the old set.
 *
 * Where replicas are dead a number is left out. Readers count the ballots of the configuration just before (reader.ts), for whose phases 1 R of a
 * set that is still there were asked; of these the dead may have been some, so here none of them counts.
 */
export function begun(configuration: Configuration, to: ReplicaSet, dead: ReadonlySet<NodeNumber> = NONE): Configuration {
  const [from] = configuration.sets;
  assert(from !== undefined, "a configuration has a replica set");
  const bereft = from.nodes.some((node) => dead.has(node));
  const number = configuration.number + (bereft ? 2 : 1);
  const since = to.nodes.map((node) => (isReplica(configuration, node) ? joinedWith(configuration, node) : number));
  return { number, sets: [survivorsOf(from, dead), { nodes: to.nodes, w: to.w, r: to.r, since }] };
}

/**
 * A recovered change without its dead, if it has any: both sets are their survivors. Of the new set that is enough, whether it holds everything
 * already or not: R of it meet every W that may have accepted in it alone or in both, less the dead (survivorsOf), and what is carried over
 * is carried over to W' of it. A number is left out as in `begun`, for the dead may have been among those whose ballots would be counted.
 */
function onwards(configuration: Configuration, dead: ReadonlySet<NodeNumber>): readonly Configuration[] {
  const { number, sets } = configuration;
  const left = sets.map((set) => survivorsOf(set, dead));
  return left.every((set, at) => set === sets[at]) ? [] : [{ ...configuration, number: number + 2, sets: left }];
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

/**
 * The old set alone again, at once. Going forward needs a barrier and a rescan (P16), for the new set lacks what was chosen before the joint
 * configuration. The old set lacks nothing: what was chosen in the joint configuration was accepted, bytes included, by W of it, too, and every
 * chunk confirmed by W of it. And a joint quorum needs one of the old set: none forms beside one of the old set alone (I8). So there is
 * nothing to carry, nobody to wait for, and it can be done whoever is dead, full or cut off.
 */
export function takenBack({ number, sets, recovered = false }: Configuration): Configuration {
  const [from, to] = sets;
  assert(from !== undefined && to !== undefined, "only a joint configuration is taken back");
  assert(!recovered, "what a recovery found is never taken back");
  return { number: number + 1, sets: [from] };
}

/** The nodes that join with a joint configuration. */
export function joiningIn({ sets: [from, to] }: Configuration): readonly NodeNumber[] {
  return to?.nodes.filter((node) => !from?.nodes.includes(node)) ?? [];
}

const NONE: ReadonlySet<NodeNumber> = new Set();
