/**
 * The failure vocabulary (DESIGN section 8): a closed table of codes, each with one exit code, one gRPC status and one retry
 * rule. An operating failure is a QdfsError and is handled; a broken invariant is an `assert` and stops the process.
 */

/** Exit codes of the command line (CLI.md). */
export const Exit = {
  DONE: 0,
  BUG: 1,
  USAGE: 2,
  NOT_FOUND: 3,
  PRECONDITION: 4,
  UNAVAILABLE: 5,
  UNKNOWN: 6,
  LOCAL: 7,
  DENIED: 8,
  CORRUPT: 9,
  FULL: 10,
  VIOLATION: 11,
  INTERRUPTED: 130,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/** What a caller may do about it: nothing; the same operation again later; first find out what became of it. */
export type Retry = "never" | "later" | "check";

interface Row {
  readonly exit: Exit;
  /** The canonical gRPC status code. */
  readonly grpc: number;
  readonly retry: Retry;
  /** One line for `qdfs help exit-codes`. */
  readonly meaning: string;
}

const row = (exit: Exit, grpc: number, retry: Retry, meaning: string): Row => ({ exit, grpc, retry, meaning });

export const ERRORS = {
  BUG: row(Exit.BUG, 13, "never", "a bug of ours"),
  BAD_USAGE: row(Exit.USAGE, 3, "never", "an unknown command or flag, or a bad value"),
  BAD_PATH: row(Exit.USAGE, 3, "never", "a path that no file can have"),
  BAD_QUORUM: row(Exit.USAGE, 3, "never", "a quorum specification that does not hold"),
  BAD_REQUEST: row(Exit.USAGE, 3, "never", "a message that breaks the protocol or its limits"),
  ADDRESS_IN_USE: row(Exit.USAGE, 3, "never", "another process listens on that port"),
  WRONG_CLUSTER: row(Exit.USAGE, 9, "never", "the other side belongs to another cluster"),
  NOT_FOUND: row(Exit.NOT_FOUND, 5, "never", "no such file or version"),
  ALREADY_EXISTS: row(Exit.PRECONDITION, 6, "never", "the file exists"),
  VERSION_DIFFERS: row(Exit.PRECONDITION, 9, "never", "the file has another version"),
  WRONG_STATE: row(Exit.PRECONDITION, 9, "never", "the cluster, or a DataNode, is not in the state that this needs"),
  QUORUM_UNAVAILABLE: row(Exit.UNAVAILABLE, 14, "later", "too few replicas answer; nothing was done"),
  CLUSTER_UNREACHABLE: row(Exit.UNAVAILABLE, 14, "later", "no server answers at the given addresses"),
  CLUSTER_WAITING: row(Exit.UNAVAILABLE, 14, "later", "the cluster has too few DataNodes yet"),
  NODE_UNREACHABLE: row(Exit.UNAVAILABLE, 14, "later", "one server cannot be reached; nothing was sent to it"),
  NODE_SILENT: row(Exit.UNAVAILABLE, 4, "check", "one server was sent a request and did not answer"),
  CONFIGURATION_STALE: row(Exit.UNAVAILABLE, 9, "later", "sender and receiver go by different cluster maps"),
  CONFLICT: row(Exit.UNAVAILABLE, 10, "later", "another proposer was faster too often"),
  STALE_STAMP: row(Exit.UNAVAILABLE, 10, "later", "the operation's stamp is too old to tell a repetition; nothing was done"),
  CHUNKS_MISSING: row(Exit.UNAVAILABLE, 9, "later", "too few replicas hold a chunk that the version names"),
  OVERLOADED: row(Exit.UNAVAILABLE, 8, "later", "a queue is full; nothing was done"),
  SHUTTING_DOWN: row(Exit.UNAVAILABLE, 14, "later", "the server is stopping; nothing was done"),
  DEADLINE: row(Exit.UNAVAILABLE, 4, "later", "the time given ran out; nothing was done"),
  OUTCOME_UNKNOWN: row(Exit.UNKNOWN, 2, "check", "the operation may or may not have been done"),
  LOCAL_FILE: row(Exit.LOCAL, 9, "never", "a local file is missing, unreadable, changing or cannot be written"),
  DATA_DIR_LOCKED: row(Exit.LOCAL, 9, "never", "another process uses the data directory"),
  DATA_DIR_UNUSABLE: row(Exit.LOCAL, 15, "never", "the data directory is damaged, incomplete or of a newer format"),
  SUPERSEDED: row(Exit.DENIED, 9, "never", "another SuperNode took this one's place: the DataNodes follow a newer generation"),
  NOT_ALLOWED: row(Exit.DENIED, 7, "never", "not allowed"),
  CORRUPT: row(Exit.CORRUPT, 15, "never", "no valid copy of the bytes anywhere"),
  STORAGE_FULL: row(Exit.FULL, 8, "later", "the DataNodes have no room; nothing was done"),
  UNDECIDED: row(Exit.UNKNOWN, 2, "never", "a check found no violation, but could not judge everything"),
  VIOLATION: row(Exit.VIOLATION, 13, "never", "a check found a violation of what is promised; of `doctor`: something is wrong"),
  INTERRUPTED: row(Exit.INTERRUPTED, 1, "check", "interrupted"),
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

export type Details = Readonly<Record<string, unknown>>;

export class QdfsError extends Error {
  readonly code: ErrorCode;
  readonly details: Details;

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message);
    this.name = "QdfsError";
    this.code = code;
    this.details = details;
  }

  get exit(): Exit {
    return ERRORS[this.code].exit;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }
}

/** The code of an operating failure; undefined for anything else (a bug, which must not be swallowed). */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof QdfsError ? error.code : undefined;
}

/** True for the codes that say for certain that nothing was done and nothing will be. */
export function isDefinite(code: ErrorCode): boolean {
  return ERRORS[code].retry !== "check" && code !== "BUG";
}

export class AssertionFailed extends Error {}

/** A broken invariant: our bug. Stays on in production and is never caught but by main, which ends the process. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionFailed(invariant);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected value ${String(value)}`);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
