/** How the operations of a run ended. */
import { type ErrorCode, isDefinite } from "../base/errors.ts";

export const KINDS = ["put", "get", "rm", "ls"] as const;
export type Kind = (typeof KINDS)[number];

export interface KindCounts {
  /** Acknowledged, or answered. */
  readonly ok: number;
  /** Certainly not done. */
  readonly failed: number;
  /** May or may not have been done. */
  readonly unknown: number;
  readonly errorCodes: Readonly<Partial<Record<ErrorCode, number>>>;
}

export class Tally {
  readonly #counts = new Map(
    KINDS.map((kind) => [kind, { ok: 0, failed: 0, unknown: 0, errorCodes: new Map<ErrorCode, number>() }]),
  );

  ok(kind: Kind): void {
    const counts = this.#counts.get(kind);
    if (counts !== undefined) counts.ok++;
  }

  error(kind: Kind, code: ErrorCode): void {
    const counts = this.#counts.get(kind);
    if (counts === undefined) return;
    if (kind === "get" || kind === "ls" || isDefinite(code)) counts.failed++;
    else counts.unknown++;
    counts.errorCodes.set(code, (counts.errorCodes.get(code) ?? 0) + 1);
  }

  result(): Readonly<Record<string, KindCounts>> {
    return Object.fromEntries(
      [...this.#counts].map(([kind, { errorCodes, ...counts }]) => [
        kind,
        { ...counts, errorCodes: Object.fromEntries(errorCodes) },
      ]),
    );
  }
}
