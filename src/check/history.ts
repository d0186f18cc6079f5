/**
 * What a recorder writes down about operations on files, so that a checker can judge them: the lines of `bench --history`
 * (CLI.md) and what conditional operations, restores and listings need besides.
 *
 * Moments are nanoseconds from any common beginning. Only their order counts: an operation precedes another if its return is
 * before the other's call; equal moments count as concurrent. A recorder in virtual time, where many events share one moment,
 * therefore numbers its events (each call and each return one higher than the last) or it would let a client's own operations
 * pass each other.
 *
 * A history begins with files that were never written.
 */

export interface RecordedOperation {
  /** Shown to people; who asked has no part in the judgement. */
  readonly client: number;
  readonly kind: "put" | "get" | "rm" | "restore";
  readonly path: string;
  /**
   * Of an ok change: the version that it made (null: not told). Of an ok get: the version it returned; null with a null valueId
   * says that it found nothing. Of a refusal: the current version that the refusal named, null if none. Else null.
   */
  readonly version: number | null;
  /**
   * Names a content; no two puts of one history write the same one. Of a put: what it wrote. Of a get: what it read. Null: not
   * known (rm, most restores, a content too short to tell), which agrees with anything.
   */
  readonly valueId: string | null;
  readonly callNs: number;
  /** Null if and only if the outcome is unknown. */
  readonly returnNs: number | null;
  /**
   * `ok`: done, at one moment between call and return (a get that found nothing is ok). `fail`: certainly not done, ever: with
   * a `refusal` it has seen why, at one moment between call and return; without one it left no trace. `unknown`: it may take
   * effect once, at any moment after its call, or never.
   */
  readonly outcome: "ok" | "fail" | "unknown";
  /** What the change depended on; put and rm only. Left out: nothing. */
  readonly precondition?: Precondition;
  /** Get: the version asked for, instead of the current one. Restore: the version that is made current again. */
  readonly of?: number;
  /** Which refusal was answered; with outcome `fail` only. */
  readonly refusal?: Refusal;
  /** What was asked for and is promised. Left out: linearizable. */
  readonly guarantee?: RecordedGuarantee;
}

/** `absent`: there must be no file. `version`: this must be the current version, a removal's version included. */
export type Precondition = { readonly absent: true } | { readonly version: number };

/** ALREADY_EXISTS, VERSION_DIFFERS, NOT_FOUND of a change. */
export type Refusal = "exists" | "version-differs" | "not-found";

/** As the client library labels its results; `early-ack` and `eventual` promise less than linearizability. */
export type RecordedGuarantee = "linearizable" | "early-ack" | "eventual";

/** A listing of every file under `path`, all pages of it. */
export interface RecordedListing {
  readonly client: number;
  readonly kind: "ls";
  /** The directory. Nothing under it was there before the history began. */
  readonly path: string;
  readonly callNs: number;
  readonly returnNs: number;
  /** Live files with their versions, directories left out. */
  readonly entries: readonly { readonly path: string; readonly version: number }[];
  /** False: it said itself that something may be missing. Left out: true. */
  readonly complete?: boolean;
  /** Left out: linearizable. */
  readonly guarantee?: RecordedGuarantee;
}
