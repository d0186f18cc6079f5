/**
 * The messages of proto/qdfs/v1 as TypeScript shapes, one for one. A decoded message has every scalar (protobuf's defaults
 * for what was absent), an empty array for an absent list, and null for an absent sub-message. A message that is to be
 * encoded may leave out what is optional here. `codec.test.ts` holds the shapes against the .proto files.
 */
import type { NodeNumber, Path } from "../base/ids.ts";
import type { Complete, Completed, MapAsk, MapAt, Rescan, Rescanned, Scan, Scanned, Take, Taken } from "./change-messages.ts";
import type { Compare, Compared } from "./entropy-messages.ts";
import type { Erase, Erased, Reclaimable, Remember, Remembered } from "./garbage-messages.ts";

// ---------------------------------------------------------------------------------------------------- head.proto

/** Names one operation of one client, whatever its attempts (PROTOCOL P12). */
export interface OperationId {
  readonly stamp: number;
  readonly random: string;
}

export interface ChunkList {
  readonly upload: string;
  readonly chunkSizeBytes: number;
  readonly checksums: Uint8Array;
}

export interface Version {
  readonly version: number;
  readonly tombstone: boolean;
  readonly operation: OperationId;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly writtenAtMs: number;
  readonly checksum: string;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly mode: number;
  readonly by: string;
  /** Null: the content is inline. */
  readonly chunks: ChunkList | null;
}

export interface Outcome {
  readonly operation: OperationId;
  readonly refusal: string;
  readonly version: number;
}

export interface Head {
  readonly current: Version;
  readonly history: readonly Version[];
  readonly window: readonly Outcome[];
  readonly forgotten: number;
}

// ------------------------------------------------------------------------------------------------- session.proto

/** (configuration, counter, node), compared in that order; register/ballot.ts has the comparison and ABSENT. */
export interface Ballot {
  readonly configuration: number;
  readonly counter: number;
  readonly node: number;
}

export interface Prepare {
  readonly path: Path;
  readonly ballot: Ballot;
}
export interface Accept {
  readonly path: Path;
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly content: Uint8Array;
  readonly random: string;
  readonly inline: boolean;
  /** Folded phase 1 (P24): taken only by a replica that would promise `ballot` and has accepted nothing above this. */
  readonly base?: Ballot | null;
  /** With `base`: what that has forgotten (P14). */
  readonly forgotten?: number;
  /** The counter of the coordinator's next ballot, which is promised along (P7); 0: none. */
  readonly next?: number;
}
export const Want = { BALLOT: 0, HEAD: 1, CONTENT: 2 } as const;
export type Want = (typeof Want)[keyof typeof Want];
export interface Read {
  readonly path: Path;
  readonly want: Want;
  /** With CONTENT: whose inline bytes; 0 is the current version. */
  readonly version: number;
  /** The answer is to say how old it may be. */
  readonly age?: boolean;
}
export interface Fetch {
  readonly path: Path;
  readonly random: string;
}
export interface Precondition {
  readonly absent: boolean;
  readonly version: number;
  readonly random: string;
}
export interface Put {
  readonly version: Version;
  readonly content: Uint8Array;
}
export interface Remove {
  readonly writtenAtMs: number;
  readonly by: string;
}
export interface Restore {
  readonly version: number;
  readonly writtenAtMs: number;
  readonly by: string;
}
export interface Mutate {
  readonly path: Path;
  readonly operation: OperationId;
  readonly attempt: number;
  readonly budgetMs: number;
  readonly ack: number;
  readonly precondition?: Precondition | null;
  readonly put?: Put | null;
  readonly remove?: Remove | null;
  readonly restore?: Restore | null;
}
export interface Settle {
  readonly path: Path;
  readonly budgetMs: number;
  /** What is found is accepted at a new ballot in any case (P22). */
  readonly anew?: boolean;
}
export interface Confirm {
  readonly path: Path;
  readonly upload: string;
  readonly indexes: readonly number[];
  /** By index, the number of the configuration of the chunk's partition that the sender goes by. */
  readonly configurations: readonly number[];
}
export interface Changes {
  readonly after: number;
  readonly limit: number;
  readonly waitMs: number;
  readonly heads: boolean;
}
export type Sequence = Readonly<Record<never, never>>;
/** Somebody met the file missing, older or damaged at the node that is told. */
export interface Suspect {
  readonly path: Path;
}

/** Exactly one field is set. */
export interface RequestBody {
  readonly prepare?: Prepare | null;
  readonly accept?: Accept | null;
  readonly read?: Read | null;
  readonly fetch?: Fetch | null;
  readonly mutate?: Mutate | null;
  readonly settle?: Settle | null;
  readonly confirm?: Confirm | null;
  readonly changes?: Changes | null;
  readonly sequence?: Sequence | null;
  readonly scan?: Scan | null;
  readonly complete?: Complete | null;
  readonly take?: Take | null;
  readonly map?: MapAsk | null;
  readonly rescan?: Rescan | null;
  readonly suspect?: Suspect | null;
  readonly compare?: Compare | null;
  readonly erase?: Erase | null;
  readonly remember?: Remember | null;
}
export interface Request extends RequestBody {
  /** Unique among the requests in flight on one session; set by the transport. */
  id: number;
  readonly configuration: number;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details: string;
}
export interface Promised {
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly chosen: boolean;
  readonly forgotten: number;
}
export type Accepted = Readonly<Record<never, never>>;
export interface Refused {
  readonly floor: Ballot;
}
export interface Held {
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly chosen: boolean;
  readonly content: Uint8Array;
  readonly contentHeld: boolean;
  readonly ageKnown?: boolean;
  /** If known: every put that had been acknowledged this long ago shows in the answer. */
  readonly ageMs?: number;
  /** By who holds nothing: the newest stamp that was erased with files of the partition (P14). */
  readonly forgotten?: number;
}
export interface Fetched {
  readonly content: Uint8Array;
  readonly held: boolean;
}
export interface Mutated {
  readonly outcome: Outcome;
  /** The version that was made; null when the operation was refused. */
  readonly version: Version | null;
  /** Replicas known to hold it durably when this was answered. */
  readonly acks: number;
  /** The outcome stands for good. Not so what was answered before W of every set had it. */
  readonly chosen: boolean;
}
export interface Settled {
  readonly ballot: Ballot;
  readonly head: Uint8Array;
}
export interface Confirmed {
  readonly missing: readonly number[];
}
export interface Change {
  readonly sequence: number;
  readonly path: Path;
  readonly ballot: Ballot;
  readonly chosen: boolean;
  readonly head: Uint8Array;
  /** The tombstone of this ballot was erased. */
  readonly erased?: boolean;
}
export interface ChangeBatch {
  readonly changes: readonly Change[];
  readonly diskId: string;
  /** The node's current (committed) sequence. */
  readonly current: number;
  /** Everything up to here has been reported: the next `after`. */
  readonly through: number;
  /** Of the SuperNode that the node follows (P17). */
  readonly generation: number;
}
export interface SequenceAt {
  readonly diskId: string;
  readonly current: number;
  readonly generation: number;
}

/** Exactly one field is set. */
export interface AnswerBody {
  readonly failure?: Failure | null;
  readonly promised?: Promised | null;
  readonly accepted?: Accepted | null;
  readonly refused?: Refused | null;
  readonly held?: Held | null;
  readonly fetched?: Fetched | null;
  readonly mutated?: Mutated | null;
  readonly settled?: Settled | null;
  readonly confirmed?: Confirmed | null;
  readonly changes?: ChangeBatch | null;
  readonly sequence?: SequenceAt | null;
  readonly scanned?: Scanned | null;
  readonly completed?: Completed | null;
  readonly taken?: Taken | null;
  readonly map?: MapAt | null;
  readonly rescanned?: Rescanned | null;
  readonly noted?: Readonly<Record<never, never>> | null;
  readonly compared?: Compared | null;
  readonly erased?: Erased | null;
  readonly remembered?: Remembered | null;
}
export interface Answer extends AnswerBody {
  id: number;
}

export interface Hello {
  readonly clusterId: string;
  readonly node: number;
  readonly version: string;
}
export interface Chosen {
  readonly path: Path;
  readonly ballot: Ballot;
}
export interface Batch {
  readonly counter: number;
  readonly hello?: Hello | null;
  readonly requests?: readonly Request[];
  readonly answers?: readonly Answer[];
  readonly chosen?: readonly Chosen[];
}

// ------------------------------------------------------------------------------------------------- cluster.proto

export const NodeState = { UP: 0, SUSPECT: 1, DOWN: 2 } as const;
export type NodeState = (typeof NodeState)[keyof typeof NodeState];
/** Whether partitions are placed on a node, whatever its state (cluster/standing.ts). */
export const Standing = { MEMBER: 0, DRAINING: 1, REPLACED: 2, DEAD: 3 } as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

export interface Node {
  readonly number: NodeNumber;
  readonly grpc: string;
  readonly http: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: NodeState;
  readonly diskId: string;
  /** Undefined: MEMBER. */
  readonly standing?: Standing;
  /** It serves, and others are preferred until it has been steady for a while (cluster/steadiness.ts). */
  readonly held?: boolean;
}
/** A DataNode that was removed: its number and its disk are refused ever after. */
export interface Gone {
  readonly number: NodeNumber;
  readonly diskId: string;
}
export interface Policy {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  readonly name: string;
  readonly chunkSizeBytes: number;
  readonly inlineLimitBytes: number;
  readonly keepVersions: number;
  /** 0: the default (cluster/retention.ts), as the next one. */
  readonly tombstoneGraceMs: number;
  readonly orphanAgeMs: number;
  /** How long a version is kept that was superseded; 0 or none: for as long as its number is kept. */
  readonly keepForMs?: number;
  /** Since when all partitions have this quorum, Unix epoch; 0 or none: not all have it yet. */
  readonly sinceMs?: number;
}
/** Replicas of one partition, home first, and the quorum sizes counted over them. */
export interface ReplicaSet {
  readonly nodes: readonly NodeNumber[];
  readonly w: number;
  readonly r: number;
  /** By position, the configuration with which the node joined the partition, empty (P15). None: all were there from the first. */
  readonly since?: readonly number[];
}
export interface Configuration {
  readonly number: number;
  readonly sets: readonly ReplicaSet[];
  /** Joint, and found by a recovery (P17): it ends in the second set, and is never taken back (cluster/moves.ts). */
  readonly recovered?: boolean;
}
export interface ClusterMap {
  readonly clusterId: string;
  readonly generation: number;
  readonly version: number;
  readonly policy: Policy;
  readonly nodes: readonly Node[];
  readonly partitions: readonly Configuration[];
  readonly supernodes: readonly string[];
  readonly waitingFor: string;
  /** As SuperNodeState.nextNodeNumber: the map survives the SuperNode's disk. */
  readonly nextNode: number;
  readonly gone?: readonly Gone[];
}
export interface NodeLoad {
  readonly number: NodeNumber;
  readonly opsPerSec: number;
  readonly inFlight: number;
}
export type GetMapRequest = Readonly<Record<never, never>>;
export interface MapReply {
  readonly map: ClusterMap;
  readonly loads: readonly NodeLoad[];
  readonly counter: number;
  /** The server's clock as it answered, and its program's version. */
  readonly wallMs: number;
  readonly version: string;
}
export interface BackupReply {
  readonly file: Uint8Array;
  readonly clusterId: string;
  readonly generation: number;
  readonly mapVersion: number;
  readonly nodes: number;
}
export const ListKind = { FILES: 0, TRASH: 1 } as const;
export type ListKind = (typeof ListKind)[keyof typeof ListKind];
export interface ListRequest {
  readonly prefix: Path;
  readonly recursive: boolean;
  readonly node: number;
  readonly limit: number;
  readonly after: string;
  readonly eventual: boolean;
  readonly kind: ListKind;
}
export interface ListEntry {
  readonly path: string;
  readonly directory: boolean;
  readonly sizeBytes: number;
  readonly version: number;
  readonly modifiedAtMs: number;
  readonly writtenAtMs: number;
  readonly by: string;
  readonly checksum: string;
}
export interface ListReply {
  readonly entries: readonly ListEntry[];
  readonly more: boolean;
  readonly incomplete: string;
  readonly ageMs: number;
  readonly prefixIsFile: boolean;
}
export interface UsageRequest {
  readonly prefix: Path;
  /** Also what of it is kept for a while only, and what is about to be freed. */
  readonly reclaimable?: boolean;
}
export interface UsageReply {
  readonly files: number;
  readonly sizeBytes: number;
  readonly storedBytes: number;
  readonly incomplete: string;
  readonly reclaimable?: readonly Reclaimable[];
}
