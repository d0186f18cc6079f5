/** How old the newest backup of the SuperNode's state is. No finding: without one nothing is wrong, for the DataNodes give it back, too. */
import { formatDuration } from "../base/units.ts";
import type { Facts } from "./facts.ts";

export interface BackupAge {
  /** Null: none was ever made, as far as the SuperNode knows. */
  readonly ageMs: number | null;
  readonly words: string;
  /** The command that makes another. */
  readonly make: string;
}

/** Undefined: no SuperNode answers. */
export function backupAge({ status, wallMs }: Facts): BackupAge | undefined {
  if (status === undefined) return undefined;
  const make = "qdfs backup FILE";
  const { backedUpAtMs } = status;
  if (backedUpAtMs === 0) {
    return { ageMs: null, words: "the SuperNode's state was never backed up, as far as it knows", make };
  }
  const ageMs = Math.max(0, wallMs - backedUpAtMs); // by two clocks
  return { ageMs, words: `the SuperNode's state was last backed up ${formatDuration(ageMs)} ago`, make };
}
