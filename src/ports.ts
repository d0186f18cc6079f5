/**
 * What the logic of qdfs needs from the world: interfaces only. `runtime`, `transport` and `storage` hold the real adapters
 * and their in-memory twins; the simulator brings its own. Nothing but an adapter reads a clock, draws a random number,
 * opens a socket or a file.
 */
import type { NodeNumber, Path } from "./base/ids.ts";
import type {
  AnswerBody,
  Ballot,
  Chosen,
  ClusterMap,
  HeartbeatReply,
  HeartbeatRequest,
  Hello,
  JoinReply,
  JoinRequest,
  ListEntry,
  ListKind,
  ListReply,
  ListRequest,
  MapReply,
  Request,
  RequestBody,
  StatusReply,
  StatusRequest,
  UsageReply,
  UsageRequest,
} from "./wire/messages.ts";

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

export interface SuperNodeApi extends ClusterApi {
  join(request: JoinRequest): Promise<JoinReply>;
  heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply>;
  list(request: ListRequest): Promise<ListReply>;
  usage(request: UsageRequest): Promise<UsageReply>;
  status(request: StatusRequest): Promise<StatusReply>;
}

/** Unary calls to one server. Every call rejects with QdfsError: CLUSTER_UNREACHABLE, or what the server answered. */
export interface ControlDialer {
  /** `address` may be a DataNode's: then only getMap is served (others: NOT_ALLOWED). */
  connect(address: string): SuperNodeApi & { close(): void };
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

/** Everything that one commit makes durable, all or nothing; applied in the order of the fields. */
export interface NodeWrites {
  readonly accepts: readonly AcceptWrite[];
  readonly trims: readonly Trim[];
  readonly chunks: readonly ChunkRow[];
  readonly droppedChunks: readonly ChunkId[];
  readonly ceiling?: number;
  readonly map?: ClusterMap;
  /** How far this node has followed a peer's change log. */
  readonly cursors?: readonly { readonly diskId: string; readonly sequence: number }[];
}

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
  /** The latest accepted value of each file accepted after `sequence`, in log order, superseded ones left out. */
  changesAfter(sequence: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[];
  ceiling(): number;
  map(): ClusterMap | undefined;
  cursor(diskId: string): number;
  chunk(chunk: ChunkId): ChunkRow | undefined;
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
   * exists if it rejects.
   * @throws QdfsError CORRUPT when the bytes do not have `checksum`, STORAGE_FULL, BAD_REQUEST (more than sizeMax)
   */
  write(chunk: ChunkId, body: AsyncIterable<Uint8Array>, checksum: string, sizeBytesMax: number): Promise<{ sizeBytes: number }>;
  /** The whole file; undefined when there is none. */
  read(chunk: ChunkId): Promise<Uint8Array | undefined>;
  /** What an HTTP response can stream without copying; undefined when there is none. */
  blob(chunk: ChunkId): Blob | undefined;
  /** Moves a bad copy aside, where no read finds it. */
  quarantine(chunk: ChunkId): Promise<void>;
  remove(chunk: ChunkId): Promise<void>;
  freeBytes(): number;
}

// -------------------------------------------------------------------------------------- SuperNode: stable storage

/** What a SuperNode must never forget. */
export interface SuperNodeState {
  /** The newest map; it carries the cluster's id and every node that was ever admitted and not removed. */
  readonly map: ClusterMap;
  /** The number that the next new DataNode gets: numbers are never reused, those of removed nodes included. */
  readonly nextNodeNumber: number;
}

export interface MapStore {
  /** The last saved state; undefined: a SuperNode that never saved one. @throws QdfsError DATA_DIR_UNUSABLE (it is damaged) */
  load(): SuperNodeState | undefined;
  /**
   * Durable (fsync) when it returns.
   * @throws QdfsError STORAGE_FULL (the old state stands), DATA_DIR_UNUSABLE
   */
  save(state: SuperNodeState): void;
  close(): void;
}

// ------------------------------------------------------------------------------------- SuperNode: live changes

export type QuorumChangeEnd =
  /** The cluster goes by it, and the map says so. */
  | { readonly kind: "done" }
  /** Nothing was begun: this cluster cannot change while it runs. */
  | { readonly kind: "unavailable"; readonly why: string }
  /** The cluster goes by what it went by before. */
  | { readonly kind: "failed"; readonly why: string };

/** Changes the quorums of all partitions of a running cluster, safely (P16). */
export interface QuorumChanger {
  /** Begins a change, one at a time, and resolves when it has ended; it may take as long as copying takes. */
  change(to: { readonly w: number; readonly r: number }): Promise<QuorumChangeEnd>;
}

/** What the catalogue knows of a file: its current version as of `ballot`. */
export interface CatalogueFile {
  readonly path: Path;
  readonly ballot: Ballot;
  /** The file's partition; the same for every ballot of a path. */
  readonly partition: number;
  readonly version: number;
  /** The current version says: deleted. Listed as TRASH, counted nowhere. */
  readonly tombstone: boolean;
  /** Of the current version; for a tombstone whatever the trash is to show. */
  readonly sizeBytes: number;
  /** One replica's bytes of all kept versions, the current one included. */
  readonly storedBytes: number;
  readonly modifiedAtMs: number;
  readonly writtenAtMs: number;
  readonly by: string;
  readonly checksum: string;
}

/** One transaction, applied in the order of the fields. */
export interface CatalogueWrites {
  /** Listed in order; one whose ballot is not above the ballot of what is listed is ignored. */
  readonly files: readonly CatalogueFile[];
  /** Erased files: the entry goes, tombstone and all, unless its ballot is above this one. */
  readonly erased?: readonly { readonly path: Path; readonly ballot: Ballot }[];
  /** How far each disk's change log has been taken into account: never ahead of what is listed. */
  readonly cursors?: readonly { readonly diskId: string; readonly sequence: number }[];
}

export interface CatalogueQuery {
  /** A directory, `/` for all. The file of that very name is not under it. */
  readonly prefix: Path;
  /** All files below; else the directory's own files, and its subdirectories as one entry each. */
  readonly recursive: boolean;
  readonly kind: ListKind;
  /** Only what comes after this path in byte order; empty: from the start. */
  readonly after: string;
  /** Entries of this page, at least 1. A file and a directory of one name never stand on two pages: one entry more then. */
  readonly limit: number;
  /** Only files of these partitions, and directories with such a file somewhere below. */
  readonly partitions?: ReadonlySet<number>;
}

export interface CataloguePage {
  /** In byte order of path (a directory's has no trailing slash; of one name the file comes first). */
  readonly entries: readonly ListEntry[];
  /** There is more after the last entry. */
  readonly more: boolean;
}

/** Files that are no tombstones. */
export interface CatalogueTotals {
  readonly files: number;
  readonly sizeBytes: number;
  /** As in CatalogueFile: of one replica. */
  readonly storedBytes: number;
}

/**
 * The catalogue: derived data, rebuilt from the DataNodes' change logs at any time. So what is applied survives a crash of
 * the process, and after a power loss the newest applications may be missing, entries and cursors alike, never one without
 * the other. Everything is synchronous and takes about the same time in a large catalogue as in a small one.
 */
export interface CatalogueStore {
  /** @throws QdfsError STORAGE_FULL (nothing of it was applied), DATA_DIR_UNUSABLE */
  apply(writes: CatalogueWrites): void;
  entry(path: Path): CatalogueFile | undefined;
  list(query: CatalogueQuery): CataloguePage;
  /** The files below a directory, and the file of that very name. */
  usage(prefix: Path): CatalogueTotals;
  /** By partition; one without files may be missing. Sum over the partitions that a node replicates for what it holds. */
  totals(): ReadonlyMap<number, CatalogueTotals>;
  /** The last sequence of that disk's change log taken into account; 0: none. */
  cursor(diskId: string): number;
  /** Forgets everything, cursors too: the rebuild begins. */
  clear(): void;
  /** Work for idle moments: checkpoint when the log has grown. */
  maintain(): void;
  close(): void;
}
