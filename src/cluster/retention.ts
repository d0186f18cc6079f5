/** How long what nobody sees any more is kept, as the policy in the map says. Time only decides when to look (P14, P22). */
import { ORPHAN_AGE_DEFAULT_MS, TOMBSTONE_GRACE_DEFAULT_MS } from "../limits.ts";
import type { Policy } from "../wire/messages.ts";

/** What an operator asks for; what is left out stays as it is. */
export interface Retention {
  readonly keepVersions?: number | undefined;
  readonly tombstoneGraceMs?: number | undefined;
  readonly orphanAgeMs?: number | undefined;
}

/** The same policy if nothing changes. */
export function withRetention(policy: Policy, asked: Retention): Policy {
  const keepVersions = asked.keepVersions ?? policy.keepVersions;
  const graceMs = asked.tombstoneGraceMs ?? tombstoneGraceMs(policy);
  const ageMs = asked.orphanAgeMs ?? orphanAgeMs(policy);
  const same = keepVersions === policy.keepVersions && graceMs === tombstoneGraceMs(policy) && ageMs === orphanAgeMs(policy);
  return same ? policy : { ...policy, keepVersions, tombstoneGraceMs: graceMs, orphanAgeMs: ageMs };
}

/** How long what was deleted stays in the trash. */
export function tombstoneGraceMs({ tombstoneGraceMs }: Policy): number {
  return tombstoneGraceMs || TOMBSTONE_GRACE_DEFAULT_MS;
}

/** How long a chunk that no version names is left alone: a put of a large file may still be under way. */
export function orphanAgeMs({ orphanAgeMs }: Policy): number {
  return orphanAgeMs || ORPHAN_AGE_DEFAULT_MS;
}
