/**
 * Judges a history: is every operation on one file linearizable? A history is linearizable if and only if its files are, one by
 * one (P-compositionality, Herlihy and Wing 1990), so each is searched by itself.
 */
import { CHECK_FILE_STEPS_MAX, CHECK_MEMORY_CHARACTERS_MAX, CHECK_STEPS_MAX, CHECK_VIOLATIONS_MAX } from "../tool-limits.ts";
import { contradictionOf } from "./contradiction.ts";
import { searchOrder } from "./file-search.ts";
import type { RecordedOperation } from "./history.ts";
import { roleOf } from "./model.ts";
import { smallestCore } from "./shrink.ts";
import type { Verdict, Violation } from "./verdict.ts";

export interface CheckOptions {
  /** So many versions before the current one are surely kept: a read of one of them must find it. Default 0: none is. */
  readonly keptVersions?: number;
  /** Tombstones may have been erased meanwhile, after which versions begin at 1 again. Default false. */
  readonly tombstonesErased?: boolean;
  /** Steps beyond one per operation before a file, and the whole history, is given up. Defaults: CHECK_FILE_STEPS_MAX, CHECK_STEPS_MAX. */
  readonly fileStepsMax?: number;
  readonly stepsMax?: number;
}

/** Takes time in proportion to the operations, and to their concurrency per file, unless many outcomes are unknown. */
export function checkHistory(operations: readonly RecordedOperation[], options: CheckOptions = {}): Verdict {
  const { keptVersions = 0, tombstonesErased = false, fileStepsMax = CHECK_FILE_STEPS_MAX } = options;
  let stepsLeft = options.stepsMax ?? CHECK_STEPS_MAX;
  const byFile = filesOf(operations);
  const violations: Violation[] = [];
  let filesViolated = 0;
  let filesGivenUp = 0;
  for (const path of [...byFile.keys()].sort()) {
    const ofFile = byFile.get(path) ?? [];
    const stepsMax = Math.min(fileStepsMax, stepsLeft);
    const search = { keptVersions, tombstonesErased, stepsMax, memoryMax: CHECK_MEMORY_CHARACTERS_MAX };
    const { found, steps } = searchOrder(ofFile, search);
    stepsLeft = Math.max(0, stepsLeft - steps);
    if (found === "gave up") filesGivenUp++;
    if (found !== "no order") continue;
    if (filesViolated++ >= CHECK_VIOLATIONS_MAX) continue;
    const core = smallestCore(ofFile, search);
    violations.push({ path, contradiction: contradictionOf(core, ofFile), operations: core });
  }
  return {
    verdict: filesViolated > 0 ? "violated" : filesGivenUp > 0 ? "unknown" : "ok",
    ...countsOf(operations),
    files: byFile.size,
    filesViolated,
    violations,
    filesGivenUp,
  };
}

function filesOf(operations: readonly RecordedOperation[]): ReadonlyMap<string, RecordedOperation[]> {
  const files = new Map<string, RecordedOperation[]>();
  for (const operation of operations) {
    const file = files.get(operation.path);
    if (file === undefined) files.set(operation.path, [operation]);
    else file.push(operation);
  }
  return files;
}

function countsOf(operations: readonly RecordedOperation[]): Pick<Verdict, `operations${string}` & keyof Verdict> {
  let operationsOpen = 0;
  let operationsExempt = 0;
  for (const operation of operations) {
    const role = roleOf(operation);
    if (role === "open") operationsOpen++;
    if (role === "nothing") operationsExempt++;
  }
  return { operationsChecked: operations.length - operationsExempt, operationsOpen, operationsExempt };
}
