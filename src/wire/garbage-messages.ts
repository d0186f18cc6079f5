/** The messages about erasing and collecting garbage (PROTOCOL P14, P22), as messages.ts has the others. */
import type { Path } from "../base/ids.ts";
import type { Moving } from "./change-messages.ts";
import type { Ballot } from "./messages.ts";

export interface Erase {
  readonly path: Path;
  /** Of the tombstone. */
  readonly ballot: Ballot;
  /** The newest stamp that its head knows. */
  readonly forgotten: number;
  /** Every replica is ready: erase it. */
  readonly remove: boolean;
}

export interface Erased {
  /** It holds exactly that tombstone, or nothing and will take nothing at or below its ballot. */
  readonly ready: boolean;
}

export interface Remember {
  readonly of: Moving;
  readonly forgotten: number;
}
export type Remembered = Readonly<Record<never, never>>;

export interface Memory {
  readonly partition: number;
  readonly forgotten: number;
}

/** What of a node's disk waits to be collected, and what was since the process started. */
export interface Garbage {
  readonly orphanChunks: number;
  readonly orphanBytes: number;
  /** Of the orphans, those about to go. */
  readonly doomedChunks: number;
  readonly doomedBytes: number;
  /** Waiting to be erased. */
  readonly tombstones: number;
  readonly collectedChunks: number;
  readonly collectedBytes: number;
  /** By this node as the files' home. */
  readonly erasedTombstones: number;
  /** What holds erasing up, in words. */
  readonly waitsFor: string;
}

/** Bytes, of all copies, that are kept for a while or about to be freed. */
export interface Reclaimable {
  readonly why: string;
  readonly count: number;
  readonly sizeBytes: number;
  readonly when: string;
}
