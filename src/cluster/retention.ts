/** How long what nobody sees any more is kept, as the policy in the map says. Time only decides when to look (P14, P22). */
import { ORPHAN_AGE_DEFAULT_MS, TOMBSTONE_GRACE_DEFAULT_MS } from "../limits.ts";
import type { Policy } from "../wire/messages.ts";

/** How long what was deleted stays in the trash. */
export function tombstoneGraceMs({ tombstoneGraceMs }: Policy): number {
  return tombstoneGraceMs || TOMBSTONE_GRACE_DEFAULT_MS;
}

/** How long a chunk that no version names is left alone: a put of a large file may still be under way. */
export function orphanAgeMs({ orphanAgeMs }: Policy): number {
  return orphanAgeMs || ORPHAN_AGE_DEFAULT_MS;
}
