/**
 * What the processes of a bench say to each other: a JSON object a line, over the pipes that the parent holds. Both ends are the same
 * executable, so shapes are taken as they come.
 */
import { AssertionFailed } from "../../base/errors.ts";
import type { FleetJob } from "../../bench/fleet.ts";
import type { Share } from "../../bench/share.ts";
import type { TallyWire } from "../../bench/tally.ts";

/** Set for the children. Their standard input is a pipe that the parent holds: its end is the end of the parent. */
export const BENCH_CHILD_ENV = "QDFS_CHILD_OF_BENCH";

/** The descriptor on which a child writes down its operations. */
export const RECORD_DESCRIPTOR = 3;

export type ParentWord =
  | { readonly word: "job"; readonly job: FleetJob; readonly share: Share }
  | { readonly word: "clock" }
  /** On the child's clock. */
  | { readonly word: "start"; readonly atMs: number }
  | { readonly word: "stop" };

export type ChildWord =
  | { readonly word: "ready" }
  | { readonly word: "clock"; readonly nowMs: number }
  | { readonly word: "interval"; readonly index: number; readonly tally: TallyWire; readonly whole: boolean }
  | { readonly word: "done"; readonly endMs: number; readonly found: readonly (readonly [node: string, files: number])[] };

/** @throws AssertionFailed: the parent is another program */
export function parentWord(line: string): ParentWord {
  const word: ParentWord = parsed(line);
  return word;
}

/** @throws AssertionFailed: the child is another program */
export function childWord(line: string): ChildWord {
  const word: ChildWord = parsed(line);
  return word;
}

function parsed(line: string) {
  try {
    return JSON.parse(line);
  } catch {
    throw new AssertionFailed(`the processes of a bench speak JSON, not ${JSON.stringify(line.slice(0, 100))}`);
  }
}
