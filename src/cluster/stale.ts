/**
 * Two that go by different maps (P5). Whoever refuses says whether it is the one that is behind: then that is one replica's trouble, which
 * looks for the newer map itself, and others may be asked. Else the sender has to look for a newer one.
 */
import { codeOf, QdfsError } from "../base/errors.ts";
import type { ClusterMap } from "../wire/messages.ts";

/** `map`: of the one that refuses. */
export function staleError(why: string, map: ClusterMap, behind: boolean): QdfsError {
  return new QdfsError("CONFIGURATION_STALE", why, { mapGeneration: map.generation, mapVersion: map.version, behind });
}

/** True when the other side has a newer map. */
export function isOvertaken(error: unknown): boolean {
  return codeOf(error) === "CONFIGURATION_STALE" && !isBehind(error);
}

/** True when the other side is yet to hear of a newer map. */
export function isBehind(error: unknown): boolean {
  return error instanceof QdfsError && error.code === "CONFIGURATION_STALE" && error.details.behind === true;
}
