/** The messages of anti-entropy (datanode/entropy.ts), as messages.ts has the others. */
import type { NodeNumber, Path } from "../base/ids.ts";
import type { Ballot } from "./messages.ts";

export interface Compare {
  /** Who asks. */
  readonly node: NodeNumber;
  /** Of the map that it goes by. */
  readonly generation: number;
  readonly version: number;
  /** Chunks instead of files. */
  readonly chunks: boolean;
  readonly after: string;
  /** Empty: to the end. */
  readonly through: string;
  /** Files, or chunks, in a range. */
  readonly size: number;
}

export interface Compared {
  readonly ranges: readonly HeldRange[];
  readonly end: boolean;
}

/** What lies after the range before it and up to `through` ("": to the end). */
export interface HeldRange {
  readonly through: string;
  readonly count: number;
  readonly digest: Uint8Array;
  /** What follows: only of a range of one. Of a file its accepted value, … */
  readonly ballot?: Ballot | null;
  readonly chosen?: boolean;
  readonly sequence?: number;
  /** … of a chunk its index row. */
  readonly owner?: Path;
  readonly checksum?: string;
}
