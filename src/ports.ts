/**
 * What the logic of qdfs needs from the world: interfaces only. `runtime`, `transport` and `storage` hold the real adapters
 * and their in-memory twins; the simulator brings its own. Nothing but an adapter reads a clock, draws a random number,
 * opens a socket or a file.
 */
import type { NodeNumber, Path } from "./base/ids.ts";
import type { SetQuorumReply, SetQuorumRequest } from "./wire/change-messages.ts";
import type { LeaveReply, LeaveRequest } from "./wire/leave-messages.ts";
import type { RepairReply, RepairRequest, ScrubReport, ScrubRequest } from "./wire/maintenance-messages.ts";
import type {
  FollowReply,
  FollowRequest,
  HeartbeatReply,
  HeartbeatRequest,
  JoinReply,
  JoinRequest,
} from "./wire/membership-messages.ts";
import type {
  AnswerBody,
  BackupReply,
  Ballot,
  Chosen,
  ClusterMap,
  Hello,
  ListReply,
  ListRequest,
  MapReply,
  Request,
  RequestBody,
  UsageReply,
  UsageRequest,
} from "./wire/messages.ts";
import type { StatusReply, StatusRequest } from "./wire/status-messages.ts";

// ----------------------------------------------------------------------------------------- time, chance, words

export interface Clock {
  /** For durations and deadlines; starts anywhere, never goes back. */
  monotonicMs(): number;
  /** Unix epoch; shown to people, never part of a protocol decision. */
  wallMs(): number;
}

export type Cancel = () => void;

export interface Timers {
  after(delayMs: number, run: () => void): Cancel;
  /** Once what arrived in this turn of the event loop has been handled: the moment at which batches are closed. */
  soon(run: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** `digits` hex digits. */
  hex(digits: number): string;
}

export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

/** The Lamport counter of this process, merged from and sent with every batch. */
export interface LamportCounter {
  current(): number;
  observe(counter: number): void;
}

// ------------------------------------------------------------------------------------------------ quorum plane

/**
 * One peer, over one long-lived stream that is opened on first use, kept alive and re-opened with backoff.
 *
 * `ready`: connected and answering. `connecting`: not tried yet, or under way. `silent`: connected, but it has
 * owed an answer, and given no sign of life though asked for one, for SILENT_MS: busy servers are not silent, frozen ones are.
 * `unreachable`: the last attempt failed, or it was silent until it was given up.
 */
export type SessionState = "ready" | "connecting" | "silent" | "unreachable";

export interface Session {
  readonly address: string;
  readonly state: SessionState;
  /** Requests sent and not yet answered. */
  readonly inFlight: number;
  /** Smoothed time from request to answer, ms; 0 until the first answer. */
  readonly latencyMs: number;
  /**
   * Sends one request and resolves with its answer.
   * @throws QdfsError NODE_UNREACHABLE or OVERLOADED: it was never sent. NODE_SILENT: it was sent, and no answer came within
   * `timeoutMs` or the connection broke. Any other code: the peer answered with that failure.
   */
  call(configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody>;
  /** One way, best effort: rides on the next batch, or goes alone after HINT_DELAY_MS. */
  hint(chosen: Chosen): void;
  /** Pending calls end with NODE_SILENT. */
  close(): void;
}

export interface SessionDialer {
  /**
   * The session to an address; the same one for the same arguments until it is closed. Never throws, never waits. With `node` it is
   * a session to that DataNode: whoever else answers there (addresses go from one process to another) is sent nothing, and calls
   * reject with NODE_UNREACHABLE. Without, whoever answers is taken.
   */
  session(address: string, node?: NodeNumber): Session;
  close(): void;
}

/** The receiving side of sessions. */
export interface SessionHandler {
  /** Throws QdfsError WRONG_CLUSTER to end the stream with that message. */
  hello(hello: Hello): void;
  /** Must call `answer` exactly once, now or later. */
  request(request: Request, answer: (body: AnswerBody) => void): void;
  chosen(hint: Chosen): void;
}

// ----------------------------------------------------------------------------------------------- control plane

export interface ClusterApi {
  getMap(): Promise<MapReply>;
}

/** A DataNode. */
export interface MemberApi extends ClusterApi {
  /** Durable when it resolves (P17). @throws QdfsError WRONG_CLUSTER; SUPERSEDED: it follows another life, details `generation` */
  follow(request: FollowRequest): Promise<FollowReply>;
}

export interface SuperNodeApi extends ClusterApi {
  join(request: JoinRequest): Promise<JoinReply>;
  heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply>;
  list(request: ListRequest): Promise<ListReply>;
  usage(request: UsageRequest): Promise<UsageReply>;
  status(request: StatusRequest): Promise<StatusReply>;
  leave(request: LeaveRequest): Promise<LeaveReply>;
  setQuorum(request: SetQuorumRequest): Promise<SetQuorumReply>;
  /** The state that this SuperNode must not forget, as a file. */
  backup(): Promise<BackupReply>;
}

/** What a DataNode is asked about its own copies. */
export interface MaintenanceApi {
  /** Begins a pass of the scrub if asked to, and tells where the last one stands. */
  scrub(request: ScrubRequest): Promise<ScrubReport>;
  /** Compares what this node holds of files with what their heads name and the others hold, and mends it. */
  repair(request: RepairRequest): Promise<RepairReply>;
}

/** All that a DataNode serves. */
export type DataNodeApi = MemberApi & MaintenanceApi;

/** A server of either kind: what it does not serve rejects with NOT_ALLOWED. */
export interface ControlConnection extends SuperNodeApi, DataNodeApi {
  close(): void;
}

/** Unary calls to one server. Every call rejects with QdfsError: CLUSTER_UNREACHABLE, or what the server answered. */
export interface ControlDialer {
  connect(address: string): ControlConnection;
}

// -------------------------------------------------------------------------------------------------- bulk plane

/** `<upload>-<index>`: 16 hex digits, a dash, a decimal number. */
export type ChunkId = string;

export interface Receipt {
  readonly chunk: ChunkId;
  readonly diskId: string;
  readonly sizeBytes: number;
  readonly checksum: string;
}

export interface ChunkRequest {
  /** Bytes `start … end` (inclusive) of the chunk; undefined: the whole. */
  readonly range?: { readonly start: number; readonly end: number };
  readonly signal?: AbortSignal;
  /** Memory of exactly so many bytes, to be written to until the call has ended; default: new. */
  readonly room?: (sizeBytes: number) => Uint8Array;
}

/** `signal` ends a transfer that is no longer wanted (another copy was faster): it rejects with NODE_SILENT and lets go of the bytes. */
export interface BulkClient {
  /**
   * Stores one chunk durably on the DataNode whose HTTP address is given.
   * @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, STORAGE_FULL, CORRUPT (damaged on the way), BAD_REQUEST
   */
  putChunk(
    http: string,
    chunk: ChunkId,
    owner: Path,
    bytes: Uint8Array,
    checksum: string,
    signal?: AbortSignal,
  ): Promise<Receipt>;
  /**
   * A whole chunk, or a range of it. The caller verifies whole chunks.
   * @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, NOT_FOUND, CORRUPT (the node knows its copy is bad)
   */
  getChunk(http: string, chunk: ChunkId, request?: ChunkRequest): Promise<Uint8Array>;
  /** Tells a DataNode that its copy came out wrong, so that it looks, quarantines and refetches. Best effort. */
  reportChunk(http: string, chunk: ChunkId): Promise<void>;
  close(): void;
}

/** The receiving side of the bulk plane. What it rejects with (QdfsError) is what the client's call rejects with. */
export interface BulkHandler {
  /**
   * Stores the bytes under the chunk's name, durable when it resolves. `body` throws when the sender breaks off.
   * @throws QdfsError CORRUPT (the bytes do not have `checksum`), STORAGE_FULL, BAD_REQUEST
   */
  putChunk(chunk: ChunkId, owner: Path, body: AsyncIterable<Uint8Array>, checksum: string): Promise<Receipt>;
  /** Undefined: there is no such chunk here. @throws QdfsError CORRUPT when the copy is known to be bad. */
  openChunk(chunk: ChunkId): Promise<OpenedChunk | undefined>;
  /** Someone read the copy and found it wrong. */
  reportChunk(chunk: ChunkId): Promise<void>;
  /** The text of /metrics, in the Prometheus exposition format. */
  metrics(): string;
}

export interface OpenedChunk {
  /** The whole chunk, not yet read. */
  readonly blob: Blob;
  readonly checksum: string;
  readonly sizeBytes: number;
}

// --------------------------------------------------------------------------------------- DataNode: stable storage

export interface StoredRegister {
  /** Its place in the change log. */
  readonly sequence: number;
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly chosen: boolean;
}

/** The store may keep the bytes handed over: they are never changed afterwards. */
export interface AcceptWrite {
  readonly path: Path;
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  /** The operation that made the head's current version; names the inline bytes. */
  readonly random: string;
  /** Inline bytes; null: the version is a tombstone or in chunks. */
  readonly content: Uint8Array | null;
  /** Known chosen already (a learned value). */
  readonly chosen: boolean;
}

export interface ChunkRow {
  readonly chunk: ChunkId;
  readonly owner: Path;
  readonly sizeBytes: number;
  readonly checksum: string;
}

/**
 * A head known chosen dropped versions (P23): the inline bytes accepted below its ballot go, but for those of the versions
 * it still names. What was accepted at that ballot or above, and the accepted value itself, always stay.
 */
export interface Trim {
  readonly path: Path;
  readonly ballot: Ballot;
  /** The operations that made the versions which the head names, the current one and the history. */
  readonly keep: readonly string[];
}

/** A file whose tombstone is erased (P14): everything of it goes, and that is an entry of the change log. */
export interface ErasedFile {
  readonly path: Path;
  /** Of the tombstone. */
  readonly ballot: Ballot;
}

/** What was erased of a partition (register/erased.ts). */
export interface Erasure {
  readonly floor: Ballot;
  readonly forgotten: number;
}

export interface ErasureWrite extends Erasure {
  readonly partition: number;
}

/** An entry of the change log: the accepted value of a file, or that its tombstone (of that ballot) was erased. */
export interface StoredChange extends StoredRegister {
  readonly path: Path;
  readonly erased?: boolean;
}

/** A file as it stands on the disk. */
export interface HeldFile extends StoredRegister {
  readonly path: Path;
  /** The operations whose inline bytes are held. */
  readonly contents: readonly string[];
}

/** Everything that one commit makes durable, all or nothing; applied in the order of the fields. */
export interface NodeWrites {
  /** Files of which everything goes: this node is no replica of theirs any more, or begins anew (P15). */
  readonly dropped?: readonly Path[];
  readonly erased?: readonly ErasedFile[];
  /** Replace what is known of their partitions. */
  readonly erasures?: readonly ErasureWrite[];
  readonly accepts: readonly AcceptWrite[];
  /** Inline bytes that take the place of bad ones, or of none, of files that have an accepted value. */
  readonly contents?: readonly ContentWrite[];
  readonly trims: readonly Trim[];
  readonly chunks: readonly ChunkRow[];
  readonly droppedChunks: readonly ChunkId[];
  /** Chunks marked for deletion (P22), and those of which the mark is taken back. A dropped chunk's mark goes with it. */
  readonly doomed?: readonly ChunkId[];
  readonly spared?: readonly ChunkId[];
  readonly ceiling?: number;
  readonly map?: ClusterMap;
  readonly followed?: Followed;
  /** How far this node has followed a peer's change log. */
  readonly cursors?: readonly { readonly diskId: string; readonly sequence: number }[];
  /** Where the scrub stands (datanode/scrub-state.ts). */
  readonly scrub?: string;
}

/** The SuperNode that a DataNode has promised to follow (P17). */
export interface Followed {
  readonly generation: number;
  /** Which of the SuperNodes that may have asked for that generation. */
  readonly life: string;
  /** HOST:PORT where it is: until it has issued a map, nobody else may know. */
  readonly supernode: string;
}

/** Inline bytes of a version that a file's head names: no accept, and no entry of the change log. */
export interface ContentWrite {
  readonly path: Path;
  /** The operation that made the version. */
  readonly random: string;
  /** A head with this version alone, by which the bytes can be verified where they lie. */
  readonly head: Uint8Array;
  readonly content: Uint8Array;
}

/** One accept as it lies on the disk: what a memory may hold of it is left aside. */
export interface StoredRow {
  readonly sequence: number;
  readonly path: Path;
  readonly random: string;
  /** Its current version is the one whose bytes the row holds. */
  readonly head: Uint8Array;
  readonly content: Uint8Array | null;
  /** The operations of all rows of the file if this is its accepted value; undefined: it is not. */
  readonly held: readonly string[] | undefined;
}

/** Below every row's sequence. */
export const BEFORE_ALL_ROWS = Number.MIN_SAFE_INTEGER;

export interface NodeStore {
  /** The committed accepted value of a file; undefined: absent. */
  register(path: Path): StoredRegister | undefined;
  /** As `register`, with the inline bytes of the current version (null: none) in the same look-up. */
  current(path: Path): (StoredRegister & { readonly content: Uint8Array | null }) | undefined;
  /** Committed inline bytes of the version that an operation made. */
  content(path: Path, random: string): Uint8Array | undefined;
  /**
   * Makes all of it durable (fsync) before it resolves.
   * @throws QdfsError STORAGE_FULL (nothing was written), DATA_DIR_UNUSABLE (the database is damaged: stop)
   */
  commit(writes: NodeWrites): Promise<void>;
  /**
   * Notes that the accepted value of a file is known chosen; false, and nothing noted, when `ballot` is not the committed
   * accepted one. Shows at once, is written along with later commits, and may be forgotten by a crash.
   */
  choose(path: Path, ballot: Ballot): boolean;
  /** The sequence of the last committed accept; sequences never repeat. */
  readonly sequence: number;
  /**
   * What became of each file after `sequence`, in log order: its latest accepted value, or that it was erased; what was superseded since
   * is left out. Of the erased ones only the last ERASED_KEPT_MAX or more are kept.
   */
  changesAfter(sequence: number, limit: number): readonly StoredChange[];
  /**
   * The next files that have an accepted value, after `after` ("": from the first) in the order of their UTF-8 bytes. None: that was
   * the last. There are `limit` of them, or somewhat more, unless the end was met. To be called between commits.
   */
  pathsAfter(after: string, limit: number): readonly Path[];
  /**
   * What is stored of a file, read past whatever is kept in memory, and not kept there. Undefined: nothing, or its accepted value's row
   * cannot be found. To be called between commits.
   */
  held(path: Path): HeldFile | undefined;
  /** As pathsAfter, of the chunk index. */
  chunksAfter(after: string, limit: number): readonly ChunkRow[];
  ceiling(): number;
  /** By partition, what was erased. */
  erasures(): ReadonlyMap<number, Erasure>;
  /** Chunks marked for deletion. */
  doomed(): readonly ChunkId[];
  map(): ClusterMap | undefined;
  /** Undefined: no SuperNode has asked. */
  followed(): Followed | undefined;
  cursor(diskId: string): number;
  chunk(chunk: ChunkId): ChunkRow | undefined;
  /** Rows with a sequence above `after` and at most `through`, in that order; read from the disk. */
  rowsAfter(after: number, through: number, limit: number): readonly StoredRow[];
  /** All rows of a file, read from the disk; in no order. To be called while no accept of the file is being committed. */
  rowsOf(path: Path): readonly StoredRow[];
  /** What the last commit with `scrub` said. */
  scrub(): string | undefined;
  /** Files (heads) and bytes held here, for people. */
  usage(): { readonly files: number; readonly bytes: number };
  /** Work for idle moments: checkpoint when the log has grown. */
  maintain(): void;
  close(): void;
}

/** Chunk bytes beside the database. */
export interface ChunkFiles {
  /**
   * Stores the stream under the chunk's name; durable (file and directory) when it resolves. Nothing under that name
   * exists if it rejects, but what existed before. One at a time for each chunk. `indexed`: the index has a row of it.
   * @throws QdfsError CORRUPT when the bytes do not have `checksum`, STORAGE_FULL, BAD_REQUEST (more than sizeMax)
   */
  write(
    chunk: ChunkId,
    body: AsyncIterable<Uint8Array>,
    checksum: string,
    sizeBytesMax: number,
    indexed: boolean,
  ): Promise<{ sizeBytes: number }>;
  /** The whole file; undefined when there is none. */
  read(chunk: ChunkId): Promise<Uint8Array | undefined>;
  /** What an HTTP response can stream without copying; undefined when there is none. */
  blob(chunk: ChunkId): Blob | undefined;
  /** Moves a bad copy aside, where no read finds it; notes the name there if there is no copy at all. */
  quarantine(chunk: ChunkId): Promise<void>;
  /** The chunks of which a copy was ever set aside. */
  quarantined(): readonly ChunkId[];
  remove(chunk: ChunkId): Promise<void>;
  freeBytes(): number;
}
