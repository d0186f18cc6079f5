/**
 * The one file that knows the SQLite driver: opening a database the safe way, statements, transactions, checkpoints, and
 * what its failures mean. The rest of the storage layer speaks in rows.
 *
 * Every database here is opened by one connection of one process (the data directory's lock sees to that), so it runs with
 * `locking_mode=EXCLUSIVE`: no lock system calls per statement and no shared-memory file.
 */
import { closeSync, existsSync, fdatasync, fdatasyncSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { assert, type ErrorCode, messageOf, QdfsError } from "../base/errors.ts";
import { PAGE_CACHE_BYTES, WAL_BYTES_MAX, WAL_CHECKPOINT_BYTES } from "../limits.ts";
import { syncDirectoryNow } from "./directory-sync.ts";
import { systemCode } from "./file-failure.ts";

/** Where rows are small and go all over a table or an index: a commit writes a page for nearly each. */
export const SMALL_PAGE_BYTES = 4096;
/**
 * Where rows of some KiB come in the order of their keys: three of 4 KiB share a page, and SQLite writes a page with two system calls
 * however large it is. 3 µs an accept less than with small pages in batches of 32, the same in batches of 8 (contents of 4 KiB).
 */
export const LARGE_PAGE_BYTES = 16_384;

interface Driver {
  new (path: string, options: { timeout?: number; readonly?: boolean; fileMustExist?: boolean }): BetterSqlite3.Database;
}

/**
 * The driver's entry per platform is the one form that compiles into the executable: the bundler drops all branches but
 * its own and embeds the native library.
 */
function driverOfPlatform(): Driver {
  if (process.platform === "linux" && process.arch === "x64") return require("better-sqlite3/linux-x64");
  if (process.platform === "linux" && process.arch === "arm64") return require("better-sqlite3/linux-arm64");
  if (process.platform === "darwin" && process.arch === "x64") return require("better-sqlite3/darwin-x64");
  if (process.platform === "darwin" && process.arch === "arm64") return require("better-sqlite3/darwin-arm64");
  if (process.platform === "win32" && process.arch === "x64") return require("better-sqlite3/win32-x64");
  throw new QdfsError("BAD_USAGE", `qdfs has no SQLite for ${process.platform}-${process.arch}`);
}

const Driver: Driver = driverOfPlatform();

export type SqlValue = string | number | Uint8Array | null;

/** A prepared statement. Rows come as tuples, in the order of the columns. */
export interface Statement<Row extends readonly unknown[]> {
  run(...parameters: SqlValue[]): { readonly changes: number };
  /** The first row. */
  row(...parameters: SqlValue[]): Row | undefined;
  rows(...parameters: SqlValue[]): Row[];
}

export interface DatabaseOptions {
  /** FULL: a commit is on stable storage when it returns. NORMAL: a power loss may take the newest commits. */
  readonly synchronous: "FULL" | "NORMAL";
  /** Of a new database; one that is there keeps its own. */
  readonly pageBytes: number;
  /** Forward only: statement list i brings a database from format i to i + 1. Never edit one that was released. */
  readonly migrations: readonly string[];
}

const SYNCHRONOUS_LEVEL = { NORMAL: 1, FULL: 2 } as const;

/** SQLite's result codes that say: no room. `SQLITE_FULL` is what a write refused with ENOSPC becomes. */
const FULL_CODES = new Set(["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"]);

/** What a failure of the driver means to the rest of the program; anything else is passed on as it is. */
export function storageFailure(error: unknown, path: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const as = (ours: ErrorCode, text: string) =>
    new QdfsError(ours, `${text}: ${path} (${messageOf(error)})`, { path, sqlite: code });
  if (FULL_CODES.has(code)) return as("STORAGE_FULL", "no room on the disk of the database");
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return as("DATA_DIR_UNUSABLE", "the database is damaged");
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
    return as("DATA_DIR_LOCKED", "another process uses the database");
  // An fsync that failed once tells nothing about the writes before it: the only safe thing is to stop.
  if (code.startsWith("SQLITE_IOERR")) return as("DATA_DIR_UNUSABLE", "the disk fails under the database");
  if (["SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM"].some((prefix) => code.startsWith(prefix))) {
    return as("DATA_DIR_UNUSABLE", "the database cannot be opened for writing");
  }
  return error;
}

/** What the columns of a database say cannot be. */
export function damaged(path: string, why: string): QdfsError {
  return new QdfsError("DATA_DIR_UNUSABLE", `the database is damaged: ${path} (${why})`, { path, damaged: true });
}

/** Our statements are fixed, and run or prepared at every opening: one that the database does not understand found it damaged. */
function schemaFailure(error: unknown, path: string): unknown {
  const plain = error instanceof Error && "code" in error && error.code === "SQLITE_ERROR";
  return plain ? damaged(path, messageOf(error)) : storageFailure(error, path);
}

function decodedStatement<Row extends readonly unknown[]>(statement: BetterSqlite3.Statement): Statement<Row> {
  const reader = statement.reader ? statement.raw(true) : statement;
  return {
    run: (...parameters) => reader.run(...parameters),
    row: (...parameters) => reader.get(...parameters) as Row | undefined,
    rows: (...parameters) => reader.all(...parameters) as unknown as Row[],
  };
}

export class Database {
  readonly path: string;
  readonly pageBytes: number;
  readonly #driver: BetterSqlite3.Database;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;
  #logBytes = 0;
  #log: number | undefined;
  #file: number | undefined;
  /** A checkpoint's copies may not be on stable storage. */
  #unflushed = false;

  private constructor(path: string, driver: BetterSqlite3.Database) {
    this.path = path;
    this.pageBytes = pageBytesOf(driver);
    this.#driver = driver;
    this.#begin = this.prepare("BEGIN IMMEDIATE");
    this.#commit = this.prepare("COMMIT");
    this.#rollback = this.prepare("ROLLBACK");
  }

  /**
   * Opens or creates a database and brings it to the newest format.
   * @throws QdfsError DATA_DIR_UNUSABLE (damaged, of a newer format, or the mode cannot be had), DATA_DIR_LOCKED, STORAGE_FULL
   */
  static open(path: string, options: DatabaseOptions): Database {
    let driver: BetterSqlite3.Database | undefined;
    try {
      driver = new Driver(path, { timeout: 1000 });
      driver.pragma("locking_mode = EXCLUSIVE");
      driver.pragma(`page_size = ${options.pageBytes}`);
      const format = Number(driver.pragma("user_version", { simple: true }));
      refuseNewerFormat(path, format, options.migrations.length);
      setModes(driver, path, options.synchronous);
      const database = new Database(path, driver);
      database.#migrate(format, options.migrations);
      return database;
    } catch (error) {
      if (driver !== undefined) closeDriver(driver, path);
      throw schemaFailure(error, path);
    }
  }

  /** @throws QdfsError DATA_DIR_UNUSABLE: the tables are not those of the format */
  prepare<Row extends readonly unknown[]>(sql: string): Statement<Row> {
    try {
      return decodedStatement(this.#driver.prepare(sql));
    } catch (error) {
      throw schemaFailure(error, this.path);
    }
  }

  /**
   * Runs the statements of `work` as one transaction: committed when it returns, rolled back whole when it throws.
   * `logBytes` is about what it adds to the write-ahead log.
   * @throws QdfsError as storageFailure maps them, or what `work` threw
   */
  transaction(work: () => void, logBytes: number): void {
    try {
      this.#begin.run();
      work();
      this.#commit.run();
    } catch (error) {
      // SQLite rolls back by itself after some failures of the disk.
      if (this.#driver.inTransaction) this.#rollback.run();
      throw storageFailure(error, this.path);
    }
    this.#logBytes += logBytes;
  }

  /**
   * Makes every transaction so far durable without holding up this thread: flushes the write-ahead log, as synchronous=FULL
   * does within each COMMIT. For a database opened with NORMAL, whose own flushes then are those of checkpoints and of the
   * log's first header.
   * @throws QdfsError DATA_DIR_UNUSABLE: after a flush that failed nothing is known of the writes before it
   */
  async sync(): Promise<void> {
    await this.#flush(this.#openLog());
  }

  #flush(file: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(file, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(new QdfsError("DATA_DIR_UNUSABLE", `the disk fails under the database: ${this.path} (${messageOf(error)})`));
      });
    });
  }

  /** As `sync`, and waits. */
  syncNow(): void {
    try {
      fdatasyncSync(this.#openLog());
    } catch (error) {
      throw new QdfsError("DATA_DIR_UNUSABLE", `the disk fails under the database: ${this.path} (${messageOf(error)})`);
    }
  }

  /**
   * Makes safe whatever the log holds when a process begins: frames that a killed one left unflushed, and frames whose flush
   * once failed, which the page cache calls clean though they never reached the disk. Copied into the database, which is
   * flushed, they are safe, and an empty log begins. On a full disk, where that cannot be, the log is flushed as it is. From now
   * until the database is closed the log is part of it: `path`-open says so, and that a start without the log is to be refused.
   */
  settleLog(): void {
    try {
      const [result] = this.reading(() => this.#driver.pragma("wal_checkpoint(TRUNCATE)") as { readonly busy: number }[]);
      assert(result?.busy === 0, "nobody else uses the database");
      this.#logBytes = 0;
    } catch (error) {
      if (!(error instanceof QdfsError) || error.code !== "STORAGE_FULL") throw error;
    }
    markOpen(this.path);
    this.syncNow();
  }

  /**
   * The log's descriptor, kept open: SQLite keeps using the one file until it closes the database. The directory is flushed once, as SQLite does with its first flush of a log.
   */
  #openLog(): number {
    if (this.#log === undefined) {
      this.#log = openSync(`${this.path}-wal`, "r");
      syncDirectoryNow(dirname(this.path));
    }
    return this.#log;
  }

  /** The database's own. Closing it would end SQLite's locks, which are the process' on that file: it stays open as long as SQLite's. */
  #openFile(): number {
    this.#file ??= openSync(this.path, "r");
    return this.#file;
  }

  /** Reading through this maps the driver's failures. */
  reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storageFailure(error, this.path);
    }
  }

  /** What was written to the write-ahead log since it was last copied into the database is more than so many bytes. */
  logIsLonger(bytes: number): boolean {
    return this.#logBytes >= bytes;
  }

  /** Copies the write-ahead log into the database if it has grown; the next commit then starts the log over in place. */
  maintain(): void {
    if (!this.logIsLonger(WAL_CHECKPOINT_BYTES)) return;
    this.reading(() => this.#driver.pragma("wal_checkpoint(PASSIVE)"));
    this.#logBytes = 0;
  }

  /** Writes a copy of what is committed to a new file: compact, in itself complete, not flushed. */
  copyInto(path: string): void {
    this.reading(() => this.#driver.prepare("VACUUM INTO ?").run(path));
  }

  /** `PRAGMA application_id`: what kind of file it is. To be set within a transaction. */
  get kind(): number {
    return Number(this.reading(() => this.#driver.pragma("application_id", { simple: true })));
  }

  setKind(kind: number): void {
    this.#driver.pragma(`application_id = ${kind}`);
  }

  /**
   * As `maintain`, with the database's flush, most of the time that it takes, beside this thread. For a database opened with NORMAL.
   *
   * What SQLite's own flushes are for holds all the same. The log's frames are on stable storage before any is copied over a page of the
   * database: every transaction must be durable by now (`sync`). And the log is not started over before what was copied is on stable storage:
   * until the promise resolves there must be no further transaction.
   * @throws QdfsError STORAGE_FULL: it is to be tried again; DATA_DIR_UNUSABLE, also as a rejection
   */
  checkpoint(): Promise<void> {
    const file = this.#openFile();
    this.reading(() => {
      this.#driver.pragma("synchronous = OFF");
      try {
        this.#driver.pragma("wal_checkpoint(PASSIVE)");
      } finally {
        this.#driver.pragma("synchronous = NORMAL");
      }
    });
    this.#logBytes = 0;
    this.#unflushed = true;
    return this.#flush(file).then(() => {
      this.#unflushed = false;
    });
  }

  /** The space that the database takes, free pages left out. */
  usedBytes(): number {
    const pages = Number(this.#driver.pragma("page_count", { simple: true }));
    const free = Number(this.#driver.pragma("freelist_count", { simple: true }));
    return (pages - free) * this.pageBytes;
  }

  /** Further calls throw. Calling it twice does nothing. */
  close(): void {
    if (this.#unflushed && this.#file !== undefined) fdatasyncSync(this.#file); // SQLite removes the log
    this.#unflushed = false;
    if (this.#driver.open) closeDriver(this.#driver, this.path);
    for (const file of [this.#log, this.#file]) if (file !== undefined) closeSync(file);
    this.#log = undefined;
    this.#file = undefined;
  }

  #migrate(from: number, migrations: readonly string[]): void {
    for (const [index, sql] of migrations.entries()) {
      if (index < from) continue;
      this.transaction(() => {
        try {
          this.#driver.exec(sql);
        } catch (error) {
          throw schemaFailure(error, this.path);
        }
        this.#driver.pragma(`user_version = ${index + 1}`);
      }, 0);
    }
  }
}

/**
 * Whether the log that a killed process left has been taken away. Without it the database is an older one: it opens, and knows
 * nothing of what was acknowledged since.
 */
export function lostItsLog(path: string): boolean {
  return existsSync(openMark(path)) && !existsSync(`${path}-wal`);
}

const openMark = (path: string) => `${path}-open`;

/** Durable with the next flush of the directory. */
function markOpen(path: string): void {
  try {
    closeSync(openSync(openMark(path), "a"));
  } catch (error) {
    if (systemCode(error) !== "ENOSPC") throw error; // the log is not guarded in this life
  }
}

/** SQLite folds the log in and removes it; by then nothing may say that it must be there. */
function closeDriver(driver: BetterSqlite3.Database, path: string): void {
  if (existsSync(openMark(path))) {
    rmSync(openMark(path));
    syncDirectoryNow(dirname(path));
  }
  driver.close();
}

/** @throws QdfsError DATA_DIR_UNUSABLE */
export function refuseNewerFormat(path: string, format: number, newest: number): void {
  if (format <= newest) return;
  throw new QdfsError(
    "DATA_DIR_UNUSABLE",
    `${path} has format ${format}, made by a newer qdfs; this one knows formats up to ${newest}`,
    {
      path,
      format,
    },
  );
}

function pageBytesOf(driver: BetterSqlite3.Database): number {
  return Number(driver.pragma("page_size", { simple: true }));
}

/** The driver's own default is synchronous=NORMAL, which loses acknowledged commits: set it, and believe only what is read back. */
function setModes(driver: BetterSqlite3.Database, path: string, synchronous: "FULL" | "NORMAL"): void {
  const journal = driver.pragma("journal_mode = WAL", { simple: true });
  driver.pragma(`synchronous = ${synchronous}`);
  const level = driver.pragma("synchronous", { simple: true });
  if (journal !== "wal" || level !== SYNCHRONOUS_LEVEL[synchronous]) {
    throw new QdfsError("DATA_DIR_UNUSABLE", `${path} cannot be written durably: journal ${journal}, synchronous ${level}`, {
      path,
    });
  }
  driver.pragma(`wal_autocheckpoint = ${Math.floor(WAL_BYTES_MAX / pageBytesOf(driver))}`);
  driver.pragma(`cache_size = -${Math.floor(PAGE_CACHE_BYTES / 1024)}`);
  driver.pragma("temp_store = MEMORY");
}

/**
 * Looks at a database without writing: can it be read, does it hold together, which format is it of? May leave `-wal` and
 * `-shm` files behind, which the caller clears away.
 * @returns its format, 0 for an empty one
 * @throws QdfsError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED
 */
export function inspectDatabase(path: string, thorough: boolean): number {
  let driver: BetterSqlite3.Database | undefined;
  try {
    driver = new Driver(path, { timeout: 0, readonly: true, fileMustExist: true });
    const format = Number(driver.pragma("user_version", { simple: true }));
    driver.prepare("SELECT count(*) FROM sqlite_schema").get();
    if (thorough) {
      const verdict = driver.pragma("quick_check(1)", { simple: true });
      if (verdict !== "ok") throw new QdfsError("DATA_DIR_UNUSABLE", `the database is damaged: ${path} (${verdict})`, { path });
    }
    return format;
  } catch (error) {
    throw schemaFailure(error, path);
  } finally {
    driver?.close();
  }
}

/**
 * Holds an exclusive lock on a file for as long as the process lives, through SQLite's own locking: it ends with the
 * process, however that ends, and works on every platform.
 * @returns releases the lock
 * @throws QdfsError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE
 */
export function lockFile(path: string): () => void {
  let driver: BetterSqlite3.Database | undefined;
  try {
    driver = new Driver(path, { timeout: 0 });
    // The lock is all that counts: nothing is ever written, so there is no journal that a killed process could leave.
    driver.pragma("journal_mode = MEMORY");
    driver.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    driver?.close();
    throw storageFailure(error, path);
  }
  const held = driver;
  return () => {
    assert(held.open, "a lock is released once");
    held.close();
  };
}
