/**
 * Whether partitions are placed on a node, which is another matter than whether it is up: one that is drained serves until it is empty, and one
 * that is down keeps its place, for most come back. And what becomes of a replica set of which some replicas are dead for ever (P18).
 */
import type { NodeNumber } from "../base/ids.ts";
import { type ClusterMap, type Node, type ReplicaSet, Standing } from "../wire/messages.ts";

export function standingOf({ standing }: Node): Standing {
  return standing ?? Standing.MEMBER;
}

/** Nodes that partitions are placed on. */
export function placeable(map: ClusterMap): readonly Node[] {
  return map.nodes.filter((node) => standingOf(node) === Standing.MEMBER);
}

/** Its copies count for nothing: it is dead for ever, or away for so long that others take its place. */
export function isGone(node: Node): boolean {
  const standing = standingOf(node);
  return standing === Standing.DEAD || standing === Standing.REPLACED;
}

/** Nodes of which an operator vouches that they will never act again. */
export function deadOf(map: ClusterMap): ReadonlySet<NodeNumber> {
  return new Set(map.nodes.filter((node) => standingOf(node) === Standing.DEAD).map(({ number }) => number));
}

/**
 * The replica set without its dead, d of N, as the old one of a joint configuration: the survivors, R' = R (all of them, if they are fewer) and
 * W' = W-d.
 *
 * What was chosen stands at W replicas, so at W' survivors, and what was only read at N-R+1 (P11), so at N-R+1-d: R meets either. N-W+1 would do
 * for what was chosen, and lose what was read where R + W > N + 1. And no quorum of the whole set
 * forms beside one of the survivors, without any barrier before: whoever has adopted this refuses the older configuration (P5), and the dead
 * do not answer. A read or phase 1 of the whole set needs R survivors that have not adopted it, an accept here W' that have:
 * R + W-d > N-d. An accept of the whole set needs W that have not, a phase 1 here R that have: R + W > N-d. That is
 * where it counts that the dead are dead: one that still answered would be a survivor that adopts nothing.
 * What the rescan needs follows from the counts as for any set: scans of R', the barrier of P16 by (N-d)-min(R', W')+1 survivors,
 * which is no fewer than it asks for with the dead counted as adopted.
 *
 * W' is less than W, but this set does not stand alone, unless just that quorum is asked for: what is accepted is accepted by W of the new set as
 * well (I5). With d >= W a write may have been acknowledged by the dead alone, with d >= N-R+1 a read may have been decided by them. Nobody can tell,
 * so all survivors are asked (R' = N-d), and what none of them has is lost: `losesWrites`.
 */
export function survivorsOf(set: ReplicaSet, dead: ReadonlySet<NodeNumber>): ReplicaSet {
  const { nodes, w, r, since = [] } = set;
  const kept = nodes.flatMap((node, at) => (dead.has(node) ? [] : [{ node, since: since[at] }]));
  if (kept.length === nodes.length || kept.length === 0) return set;
  const gone = nodes.length - kept.length;
  return {
    nodes: kept.map(({ node }) => node),
    w: Math.max(1, w - gone),
    r: Math.min(kept.length, r),
    since: kept.flatMap((one) => one.since ?? []),
  };
}

/** True when writes may have been acknowledged, or reads decided, by the set's dead alone. */
export function losesWrites({ nodes, w, r }: ReplicaSet, dead: ReadonlySet<NodeNumber>): boolean {
  return nodes.filter((node) => dead.has(node)).length >= Math.min(w, nodes.length - r + 1);
}
