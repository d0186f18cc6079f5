/** How old a listing that waits for nothing may be. */
import { distinctSets } from "../cluster/replica-sets.ts";
import type { Clock } from "../ports.ts";
import { scanNeed } from "../register/quorum.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { Catalogue } from "./catalogue.ts";

/**
 * Every put that had returned this long ago is shown: for every replica set, N-W+1 logs were read to their end since then, and nothing
 * that was read waits longer. A log that was not read in this life counts from its beginning, `startedMs`.
 */
export function ageMs(clock: Clock, catalogue: Catalogue, map: ClusterMap, startedMs: number): number {
  const nowMs = clock.monotonicMs();
  const diskOf = new Map(map.nodes.map((node) => [node.number, node.diskId]));
  let sinceMs = Math.min(nowMs, catalogue.pendingSinceMs ?? nowMs);
  for (const set of distinctSets(map)) {
    const readMs = set.nodes.map((number) => catalogue.log(diskOf.get(number) ?? "").coveredAtMs ?? startedMs);
    const decisive = readMs.sort((a, b) => b - a)[scanNeed(set) - 1];
    sinceMs = Math.min(sinceMs, decisive ?? startedMs);
  }
  return Math.ceil(nowMs - sinceMs);
}
