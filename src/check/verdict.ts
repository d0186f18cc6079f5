/** What a checker concludes. */
import type { RecordedListing, RecordedOperation } from "./history.ts";

export interface Verdict {
  /**
   * `ok`: every file's operations have an order that explains all their answers. `violated`: those of some file have none.
   * `unknown`: no violation was found, and the search was given up for some file at its bound.
   */
  readonly verdict: "ok" | "violated" | "unknown";
  /** Operations that took part in the judgement, the open ones included. */
  readonly operationsChecked: number;
  /** Of those: may or may not have taken effect (unknown outcome, early acknowledgement). */
  readonly operationsOpen: number;
  /** Promised less, or left no trace: eventual reads, failed gets. */
  readonly operationsExempt: number;
  readonly files: number;
  readonly filesViolated: number;
  /** The first few of those files, one violation each, in order of path. */
  readonly violations: readonly Violation[];
  readonly filesGivenUp: number;
}

export interface Violation {
  readonly path: string;
  /** One sentence: what contradicts what. */
  readonly contradiction: string;
  /**
   * The contradiction's operations in order of their calls, as few as possible: the answers of these alone, whatever the
   * others answered, cannot be explained.
   */
  readonly operations: readonly (RecordedOperation | RecordedListing)[];
}
