/** How long what nobody sees any more is kept, as the policy in the map says. Time only decides when to look (P14, P22). */
import { ORPHAN_AGE_DEFAULT_MS, TOMBSTONE_GRACE_DEFAULT_MS } from "../limits.ts";
import type { Policy } from "../wire/messages.ts";

/** What an operator asks for; what is left out stays as it is. */
export interface Retention {
  readonly keepVersions?: number | undefined;
  /** 0: for as long as their number is kept. */
  readonly keepForMs?: number | undefined;
  readonly tombstoneGraceMs?: number | undefined;
  readonly orphanAgeMs?: number | undefined;
}

/** The same policy if nothing changes. */
export function withRetention(policy: Policy, asked: Retention): Policy {
  const keepVersions = asked.keepVersions ?? policy.keepVersions;
  const graceMs = asked.tombstoneGraceMs ?? tombstoneGraceMs(policy);
  const ageMs = asked.orphanAgeMs ?? orphanAgeMs(policy);
  const keepForMs = asked.keepForMs ?? policy.keepForMs ?? 0;
  const same =
    keepVersions === policy.keepVersions &&
    keepForMs === (policy.keepForMs ?? 0) &&
    graceMs === tombstoneGraceMs(policy) &&
    ageMs === orphanAgeMs(policy);
  return same ? policy : { ...policy, keepVersions, keepForMs, tombstoneGraceMs: graceMs, orphanAgeMs: ageMs };
}

/** Versions that were superseded before then go with the file's next change; 0: none for its age. `wallMs` is asked only if it matters. */
export function keptSinceMs({ keepForMs = 0 }: Policy, wallMs: () => number): number {
  return keepForMs === 0 ? 0 : Math.max(0, wallMs() - keepForMs);
}

/** How long what was deleted stays in the trash. */
export function tombstoneGraceMs({ tombstoneGraceMs }: Policy): number {
  return tombstoneGraceMs || TOMBSTONE_GRACE_DEFAULT_MS;
}

/** How long a chunk that no version names is left alone: a put of a large file may still be under way. */
export function orphanAgeMs({ orphanAgeMs }: Policy): number {
  return orphanAgeMs || ORPHAN_AGE_DEFAULT_MS;
}
