/**
 * Which quorums partitions go by, against the one that all of them are to have: the map's policy. While a change is under way some have the old one, some the new one, and
 * some need both (P10). Pure.
 */
import type { QuorumShare } from "../wire/change-messages.ts";
import type { ClusterMap, Policy, ReplicaSet } from "../wire/messages.ts";

const has = ({ n, w, r }: Policy, set: ReplicaSet): boolean => set.nodes.length === n && set.w === w && set.r === r;

/** Every partition has the policy's quorum, and needs no other. False while none is assigned. */
export function isInForce({ policy, partitions }: ClusterMap): boolean {
  return partitions.length > 0 && partitions.every(({ sets }) => sets.every((set) => has(policy, set)));
}

/** The map, saying since when its quorum is in force: since now (`wallMs`) if it did not say so before. */
export function withQuorumSince(map: ClusterMap, wallMs: number): ClusterMap {
  const sinceMs = isInForce(map) ? map.policy.sinceMs || Math.round(wallMs) : 0;
  return sinceMs === (map.policy.sinceMs ?? 0) ? map : { ...map, policy: { ...map.policy, sinceMs } };
}

/** What partitions go by now, the most of them first; one whose quorum changes counts for the one that it comes from. */
export function quorumShares({ partitions }: ClusterMap): readonly QuorumShare[] {
  const shares = new Map<string, QuorumShare>();
  for (const { sets } of partitions) {
    const [from, to] = sets;
    if (from === undefined) continue;
    const { w, r, nodes } = from;
    const n = nodes.length;
    const changing = to !== undefined && (to.w !== w || to.r !== r || to.nodes.length !== n);
    const key = `${n} ${w} ${r} ${changing}`;
    shares.set(key, { n, w, r, changing, partitions: (shares.get(key)?.partitions ?? 0) + 1 });
  }
  return [...shares.values()].sort((a, b) => b.partitions - a.partitions);
}
