/** The messages about changes of configurations (PROTOCOL P16), as messages.ts has the others. */
import type { Path } from "../base/ids.ts";
import type { Memory } from "./garbage-messages.ts";
import type { Ballot, Policy } from "./messages.ts";

/** A partition in one of its configurations, by number. */
export interface Moving {
  readonly partition: number;
  readonly number: number;
}

export interface ChunkAt {
  readonly chunk: string;
  readonly owner: Path;
  readonly checksum: string;
}

export interface Scan {
  readonly of: readonly Moving[];
  readonly chunks: boolean;
  readonly after: string;
  readonly limit: number;
}

export interface Complete {
  readonly path: Path;
  readonly ballot: Ballot;
}

export interface Take {
  readonly of: Moving;
  readonly chunks: readonly ChunkAt[];
}

export interface MapAsk {
  readonly generation: number;
  readonly version: number;
  /** The whole map, from who has just issued it. */
  readonly map?: Uint8Array;
}

export interface Rescan {
  readonly of: readonly Moving[];
}

export interface Scanned {
  readonly paths: readonly Path[];
  readonly chunks: readonly ChunkAt[];
  /** The `after` of the next page; empty: this was the last one. */
  readonly next: string;
  /** What the replica has forgotten of absent files (P14). */
  readonly memories?: readonly Memory[];
}

export interface Completed {
  /** Inline bytes that had to be fetched. */
  readonly sizeBytes: number;
  /** Versions whose bytes no replica holds any more. */
  readonly lost: number;
}

export interface Taken {
  /** Not held yet: some replica that may have it did not answer. */
  readonly missing: readonly string[];
  /** Every other replica answered, and none has an intact copy. */
  readonly lost: readonly string[];
  readonly sizeBytes: number;
}

export interface MapAt {
  readonly generation: number;
  readonly version: number;
  /** A ClusterMap message if it is newer than the asker's, else empty. */
  readonly map: Uint8Array;
}

export interface Carried {
  readonly of: Moving;
  readonly done: boolean;
  readonly files: number;
  readonly chunks: number;
  readonly sizeBytes: number;
  readonly waitsFor: string;
}

export interface Rescanned {
  readonly carried: readonly Carried[];
}

/** Partitions on their way to other replicas or quorums. */
export interface Rebalance {
  /** Partitions that are joint now, those to come, those done. */
  readonly moving: number;
  readonly waiting: number;
  readonly moved: number;
  /** Carried over, and bytes copied for that. */
  readonly files: number;
  readonly chunks: number;
  readonly sizeBytes: number;
  /** What holds it up, in words. */
  readonly waitsFor: readonly string[];
}

/** Partitions that go by the same quorum now. */
export interface QuorumShare {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  readonly partitions: number;
  /** They are joint: this quorum is needed, and the one that they are on their way to. */
  readonly changing: boolean;
}

/** The quorum that every partition is to have. */
export interface SetQuorumRequest {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  readonly name: string;
  readonly dryRun: boolean;
}

export interface SetQuorumReply {
  readonly before: Policy;
  readonly after: Policy;
  /** Partitions that change. */
  readonly partitions: number;
  /** Copies of partitions that come to a node which has none of them yet. */
  readonly placements: number;
  /** Files that are looked through, for more replicas have to hold them, or other ones; bytes that are copied, about; and how long that takes, at the least. */
  readonly files: number;
  readonly sizeBytes: number;
  readonly aboutMs: number;
}
