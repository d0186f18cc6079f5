/**
 * What the logic of qdfs needs from the world: interfaces only. `runtime`, `transport` and `storage` hold the real adapters
 * and their in-memory twins; the simulator brings its own. Nothing but an adapter reads a clock, draws a random number,
 * opens a socket or a file.
 */
import type { Path } from "./base/ids.ts";
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
 * `ready`: connected and answering. `connecting`: not tried yet, or under way. `silent`: connected, but its oldest
 * unanswered request is older than SILENT_MS. `unreachable`: the last attempt failed.
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
  /** The session to an address; the same one for the same address until it is closed. Never throws, never waits. */
  session(address: string): Session;
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

export interface BulkClient {
  /**
   * Stores one chunk durably on the DataNode whose HTTP address is given.
   * @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, STORAGE_FULL, CORRUPT (damaged on the way), BAD_REQUEST
   */
  putChunk(http: string, chunk: ChunkId, owner: Path, bytes: Uint8Array, checksum: string): Promise<Receipt>;
  /**
   * A whole chunk, or bytes `range.start … range.end` (inclusive) of it. The caller verifies whole chunks.
   * @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, NOT_FOUND, CORRUPT (the node knows its copy is bad)
   */
  getChunk(http: string, chunk: ChunkId, range?: { start: number; end: number }): Promise<Uint8Array>;
  /** Tells a DataNode that its copy came out wrong, so that it looks, quarantines and refetches. Best effort. */
  reportChunk(http: string, chunk: ChunkId): Promise<void>;
  close(): void;
}

// --------------------------------------------------------------------------------------- DataNode: stable storage

export interface StoredRegister {
  /** Its place in the change log. */
  readonly sequence: number;
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly chosen: boolean;
}

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

/** Everything that one commit makes durable, all or nothing. */
export interface NodeWrites {
  readonly accepts: readonly AcceptWrite[];
  /** Marks the accepted value chosen if the ballot still is the accepted one. */
  readonly chosen: readonly Chosen[];
  /** Drops the inline bytes (rows) of every version of the path but those made by the operations to keep (P23). */
  readonly trims: readonly { readonly path: Path; readonly keep: readonly string[] }[];
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
  /** Committed inline bytes of the version that an operation made. */
  content(path: Path, random: string): Uint8Array | undefined;
  /**
   * Makes all of it durable (fsync) before it resolves.
   * @throws QdfsError STORAGE_FULL (nothing was written), DATA_DIR_UNUSABLE (the database is damaged: stop)
   */
  commit(writes: NodeWrites): Promise<void>;
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
