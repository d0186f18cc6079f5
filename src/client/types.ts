/** What the client library takes and gives. Times in ms, sizes in bytes, wall-clock times since the Unix epoch. */
import type { Path } from "../base/ids.ts";
import type { Ballot, Version } from "../wire/messages.ts";

/** The bytes of a file: all at once, or a stream of pieces of any size. A piece may be reused after the next one is asked for. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>;

/** `linearizable`: decided by quorums. `early-ack`: fewer than W replicas were waited for. `eventual`: one replica's word. */
export type Guarantee = "linearizable" | "early-ack" | "eventual";

export interface OperationOptions {
  /** Bounds the whole operation. Default: the client's `timeoutMs`; without one, OPERATION_BUDGET_MS for its quorum part. */
  readonly timeoutMs?: number;
}

/** The version that a conditional change expects; `random` (its operation) tells an erased file's new life apart. */
export interface ExpectedVersion {
  readonly version: number;
  readonly random?: string;
}

export interface PutOptions extends OperationOptions {
  readonly ifAbsent?: boolean;
  readonly ifVersion?: ExpectedVersion;
  /** Answer after this many replicas hold it durably, 1 … N. Default: the policy's W. */
  readonly ack?: number;
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: now. */
  readonly modifiedAtMs?: number;
  /** Permission bits; 0 (the default): unknown. */
  readonly mode?: number;
  readonly by?: string;
  /** The expected size of a stream, so that a huge one gets larger chunks. */
  readonly sizeHintBytes?: number;
  /** Called with the bytes that are durable so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Ends the upload with INTERRUPTED; once the change has been proposed, with OUTCOME_UNKNOWN. */
  readonly signal?: AbortSignal;
}

export interface PutResult {
  readonly path: Path;
  readonly version: number;
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly guarantee: Guarantee;
  /** Replicas that held it durably when it was answered. */
  readonly acks: number;
  readonly elapsedMs: number;
  /** The coordinator. */
  readonly node: string;
}

export interface ReadOptions extends OperationOptions {
  /** 0 (the default): the current version. */
  readonly version?: number;
  readonly consistency?: "strong" | "eventual";
}

export interface GetOptions extends ReadOptions {
  /** Bytes start … end, inclusive; `end` past the last byte means the last byte. */
  readonly range?: { readonly start: number; readonly end: number };
}

export interface ReadFacts {
  readonly path: Path;
  readonly version: Version;
  readonly guarantee: Guarantee;
  /** Eventual reads: every put that had been acknowledged this long ago shows in the answer; where the replica knows that. */
  readonly ageMs?: number;
  /** Who answered with the head. */
  readonly node: string;
}

export interface GetResult extends ReadFacts {
  /** Verified bytes, each piece before it is yielded. To be iterated once. */
  readonly body: AsyncIterable<Uint8Array>;
  /** In place of `body`, and faster: a piece is overwritten once the next one is asked for. */
  readonly passingBody: AsyncIterable<Uint8Array>;
}

export interface ReadResult extends ReadFacts {
  readonly bytes: Uint8Array;
}

export interface ChangeOptions extends OperationOptions {
  readonly by?: string;
}

export interface RemoveOptions extends ChangeOptions {
  readonly ifVersion?: ExpectedVersion;
}

export interface ListOptions {
  readonly recursive?: boolean;
  /** Only files that this node holds: its name or number. */
  readonly node?: string | number;
  /** Entries at most. */
  readonly limit?: number;
  /** Only entries after this path. */
  readonly after?: string;
  /** Do not wait for the DataNodes' change logs: the answer may be old. */
  readonly eventual?: boolean;
}

export type ReplicaState = "current" | "behind" | "absent" | "unreachable";

export interface ReplicaStat {
  readonly node: string;
  readonly state: ReplicaState;
  /** The version held; 0: none, or not known. */
  readonly version: number;
  readonly ballot?: Ballot;
  /** Why it is unreachable. */
  readonly cause?: string;
}

export interface Stat extends ReadFacts {
  readonly partition: number;
  readonly configuration: number;
  readonly ballot: Ballot;
  readonly chunks: number;
  /** In the order of the configuration, home first. */
  readonly replicas: readonly ReplicaStat[];
}

export interface ChangeResult {
  readonly path: Path;
  /** The version that was made: for a removal, the tombstone's. */
  readonly version: number;
  readonly elapsedMs: number;
  readonly node: string;
}

/** One replica of a file as `explain` sees it. */
export interface ExplainedReplica {
  readonly node: string;
  readonly address: string;
  readonly zone: string;
  /** As the cluster map says. */
  readonly state: string;
  /** As this client's own session sees it. */
  readonly session: string;
  /** Round trip of this explanation's probe; undefined: no answer within PROBE_MS. */
  readonly probeMs?: number;
  readonly latencyMs: number;
  readonly inFlight: number;
  /** The node's own load, from the hints that came with the map. */
  readonly opsPerSec?: number;
  readonly holds: ReplicaStat;
}

export interface Explanation {
  readonly operation: "get" | "put";
  readonly path: Path;
  readonly partition: number;
  readonly configuration: number;
  readonly joint: boolean;
  readonly quorum: { readonly n: number; readonly w: number; readonly r: number };
  readonly mapVersion: number;
  readonly replicas: readonly ExplainedReplica[];
  /** The order in which they would be asked. */
  readonly order: readonly string[];
  /** What happens and why, one sentence a line. */
  readonly steps: readonly string[];
  /** Get: the read that was done. */
  readonly read?: {
    readonly version: number;
    readonly sizeBytes: number;
    readonly chunks: number;
    readonly answeredBy: string;
    readonly asked: readonly { readonly node: string; readonly elapsedMs?: number; readonly answer: string }[];
    readonly settled: boolean;
    readonly elapsedMs: number;
  };
  /** Get: why there was nothing to read. */
  readonly failure?: string;
}
