/**
 * Which nodes hold a partition: weighted rendezvous hashing (Highest Random Weight), with zones.
 *
 * Every node draws a score for the partition, -ln(u) / weight with u from a hash of both, so that the lowest of several scores
 * is a node's with probability proportional to its weight. Nodes are taken by (rank among the nodes of their zone, score): the
 * best of every zone first, then the second best of every zone, and so on. So replicas stand in distinct zones while there
 * are enough, and as evenly as possible when there are not. The home is the replica with the lowest score.
 *
 * Minimal movement: a newcomer can push at most one node out of a partition, itself taking the place, and moves nothing else.
 * For another node Y that is not among the first n: in every zone, at every rank, the scores with the newcomer are at least as good as
 * without, so at least as many nodes precede Y. The same read backwards holds for a node that leaves.
 */
import { assert } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { PARTITIONS } from "../limits.ts";
import type { Configuration } from "../wire/messages.ts";

/** What placement needs to know of a node. */
export interface PlacementNode {
  readonly number: NodeNumber;
  /** Nodes without a zone count as one zone together. */
  readonly zone: string;
  /** At least 1; shares are proportional to it, as far as one copy per node and partition allows. */
  readonly weight: number;
}

/** 2^-53: the upper 53 bits of a hash become a number in (0, 1). */
const UNIT = 2 ** -53;

/** Of the seeds 1 … 60 the one that spreads the homes of 3 … 20 equal nodes most evenly; any would be correct. */
const SEED = 37n;

/** Exponentially distributed with rate `weight`; the lowest wins. */
function scoreOf(node: PlacementNode, partition: number): number {
  const bits = Bun.hash.xxHash64(`${nodeName(node.number)} ${partition}`, SEED) >> 11n;
  return -Math.log((Number(bits) + 0.5) * UNIT) / node.weight;
}

interface Scored {
  readonly node: PlacementNode;
  readonly score: number;
}

const byScore = (a: Scored, b: Scored): number => a.score - b.score || a.node.number - b.node.number;

/** The replicas of one partition, home first: n distinct nodes, a pure function of its arguments. */
export function replicasFor(nodes: readonly PlacementNode[], partition: number, n: number): readonly NodeNumber[] {
  assert(nodes.length >= n, `${nodes.length} nodes cannot hold ${n} replicas`);
  const scored = nodes.map((node) => ({ node, score: scoreOf(node, partition) })).sort(byScore);
  const rankInZone = new Map<string, number>();
  const ranked = scored.map((entry) => {
    const rank = rankInZone.get(entry.node.zone) ?? 0;
    rankInZone.set(entry.node.zone, rank + 1);
    return { ...entry, rank };
  });
  const taken = ranked.sort((a, b) => a.rank - b.rank || byScore(a, b)).slice(0, n);
  return taken.sort(byScore).map((entry) => entry.node.number);
}

/** The first configuration of every partition: number 1, one replica set. */
export function firstAssignment(
  nodes: readonly PlacementNode[],
  policy: { readonly n: number; readonly w: number; readonly r: number },
  partitions = PARTITIONS,
): readonly Configuration[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    number: 1,
    sets: [{ nodes: replicasFor(nodes, partition, policy.n), w: policy.w, r: policy.r, since: [] }],
  }));
}
