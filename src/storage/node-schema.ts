/**
 * A DataNode's database, node.db: every register it replicates, its change log, its inline bytes, the chunk index, the
 * ceiling, the adopted map. The format, precise enough to write another reader of it:
 *
 *   PRAGMA user_version      3
 *   accepted                 one row per accept still of use, in the order of acceptance; register, change log and inline
 *                            bytes are this one table, so an accept is one insert
 *     sequence               INTEGER PRIMARY KEY, rises by 1 per accept: the place in the change log. Below 0, falling: inline
 *                            bytes of an earlier version that were brought later (mended), in no log and never a register;
 *                            their ballot is 0.0.0, their head has that version alone
 *     path                   TEXT, normalised (base/path.ts), UTF-8
 *     configuration, counter, node    the ballot
 *     random                 TEXT, the operation that made the version which the head calls current
 *     head                   BLOB, a qdfs.v1.Head message
 *     content                BLOB, the inline bytes of that version; NULL: a tombstone, or in chunks. Last in the row, so
 *                            that heads are read without its overflow pages
 *   paths                    path TEXT, sequence INTEGER, random TEXT; PRIMARY KEY (path, sequence): the rows of `accepted` by file, but for
 *                            those after the sequence `indexed` of meta (path-index.ts)
 *   chunks                   chunk TEXT PRIMARY KEY, owner TEXT (path), size INTEGER (bytes), checksum TEXT
 *   doomed                   chunk TEXT PRIMARY KEY: chunks marked for deletion (P22)
 *   erased                   sequence INTEGER PRIMARY KEY, path TEXT, configuration, counter, node: tombstones that were erased, each a
 *                            place in the change log, those of the table `accepted` included in the count; the oldest go when there are many
 *   erasures                 partition INTEGER PRIMARY KEY, configuration, counter, node: the highest ballot erased; forgotten: the newest
 *                            stamp (register/erased.ts)
 *   cursors                  disk TEXT PRIMARY KEY, sequence INTEGER: how far that disk's change log was followed
 *   meta                     name TEXT PRIMARY KEY, value: `disk` (TEXT, as in identity.json), `ceiling`, `indexed`, `last` (INTEGER),
 *                            `scrub` (TEXT, datanode/scrub-state.ts), `map` (BLOB, a qdfs.v1.ClusterMap message), `followed` (TEXT:
 *                            generation, life and address of a SuperNode, spaces between; P17), `chosen` (TEXT, chosen-marks.ts: decimal numbers
 *                            with a space between: the sequence up to which accepted values are known chosen, and those
 *                            up to it that are not)
 *
 * The row with a path's highest sequence is the file's accepted value; no row: absent. Its other rows keep the inline bytes
 * of versions in the history until a trim drops them (their heads are of no use). An accept of a version that has a row
 * already (a settle, a learned copy) replaces that row, at its own new sequence: one row per file and version.
 *
 * Sequences never repeat (P19): the next one is the highest row's, or `last` of meta if that is higher, plus 1. The highest row goes
 * only in a transaction that inserts a higher one, or that drops or erases files and writes `last`. A trim never takes a path's highest
 * row, and the table's highest row is its path's.
 *
 * Rows never change: an accept of 4 KiB writes them once, in the order of arrival. Only bytes found bad are replaced where they lie.
 *
 * Rows carry no checksum of their own. What each row's bytes must be follows from its own head, whose current version it is; that
 * the head itself is what was accepted, other replicas can tell, which hold the same at the same ballot.
 */
import type { Path } from "../base/ids.ts";
import type { Database, SqlValue } from "./sqlite.ts";

export const NODE_MIGRATIONS = [
  `
  CREATE TABLE accepted (
    sequence INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    configuration INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    node INTEGER NOT NULL,
    random TEXT NOT NULL,
    head BLOB NOT NULL,
    content BLOB
  ) STRICT;
  CREATE INDEX accepted_by_path ON accepted (path);
  CREATE TABLE chunks (chunk TEXT PRIMARY KEY, owner TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE cursors (disk TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE paths (path TEXT NOT NULL, sequence INTEGER NOT NULL, random TEXT NOT NULL, PRIMARY KEY (path, sequence)) STRICT, WITHOUT ROWID;
  INSERT INTO paths SELECT path, sequence, random FROM accepted ORDER BY path, sequence;
  INSERT INTO meta SELECT 'indexed', coalesce(max(sequence), 0) FROM accepted;
  DROP INDEX accepted_by_path;
  `,
  `
  CREATE TABLE doomed (chunk TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE erased (
    sequence INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    configuration INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    node INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE erasures (
    partition INTEGER PRIMARY KEY,
    configuration INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    node INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
  ) STRICT;
  `,
];

export type RegisterRow = readonly [
  sequence: number,
  configuration: number,
  counter: number,
  node: number,
  random: string,
  head: Buffer,
];

export type ErasedRow = readonly [sequence: number, path: string, configuration: number, counter: number, node: number];

const REGISTER = "sequence, configuration, counter, node, random, head";

/**
 * The prepared statements of a node store. Those of the hot path have a plain `= ?` and nothing else: this SQLite has
 * ENABLE_STAT4, with which a statement whose plan may depend on a bound value (ORDER BY, LIMIT, max) is parsed again at every
 * use, 12 µs instead of 2.
 */
export function nodeStatements(database: Database) {
  return {
    register: database.prepare<RegisterRow>(`SELECT ${REGISTER} FROM accepted WHERE sequence = ?`),
    current: database.prepare<[...RegisterRow, Buffer | null]>(`SELECT ${REGISTER}, content FROM accepted WHERE sequence = ?`),
    content: database.prepare<[Buffer | null]>("SELECT content FROM accepted WHERE sequence = ?"),
    /** SQLite knows the length without reading the bytes. */
    contentBytes: database.prepare<[number | null]>("SELECT length(content) FROM accepted WHERE sequence = ?"),
    insert: database.prepare<[]>("INSERT INTO accepted VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    drop: database.prepare<[]>("DELETE FROM accepted WHERE sequence = ?"),
    trim: database.prepare<[]>("DELETE FROM accepted WHERE sequence = ? AND (configuration, counter, node) < (?, ?, ?)"),
    changes: database.prepare<[string, ...RegisterRow]>(
      `SELECT path, ${REGISTER} FROM accepted WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    pathsAfter: database.prepare<[number, Path]>("SELECT sequence, path FROM accepted WHERE sequence > ? ORDER BY sequence"),
    rowsAfter: database.prepare<[number, Path, string, Buffer, Buffer | null]>(
      "SELECT sequence, path, random, head, content FROM accepted WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
    ),
    row: database.prepare<[string, Buffer, Buffer | null]>("SELECT random, head, content FROM accepted WHERE sequence = ?"),
    putContent: database.prepare<[]>("UPDATE accepted SET content = ? WHERE sequence = ?"),
    putOldRow: database.prepare<[]>("UPDATE accepted SET random = ?, head = ?, content = ? WHERE sequence = ?"),
    firstSequence: database.prepare<[number | null]>("SELECT min(sequence) FROM accepted"),
    lastSequence: database.prepare<[number | null]>("SELECT max(sequence) FROM accepted"),
    chunksAfter: database.prepare<[string, string, number, string]>(
      "SELECT chunk, owner, size, checksum FROM chunks WHERE chunk > ? ORDER BY chunk LIMIT ?",
    ),
    chunk: database.prepare<[string, number, string]>("SELECT owner, size, checksum FROM chunks WHERE chunk = ?"),
    putChunk: database.prepare<[]>("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)"),
    dropChunk: database.prepare<[]>("DELETE FROM chunks WHERE chunk = ?"),
    chunkBytes: database.prepare<[number]>("SELECT coalesce(sum(size), 0) FROM chunks"),
    doomed: database.prepare<[string]>("SELECT chunk FROM doomed"),
    doom: database.prepare<[]>("INSERT OR REPLACE INTO doomed VALUES (?)"),
    spare: database.prepare<[]>("DELETE FROM doomed WHERE chunk = ?"),
    erase: database.prepare<[]>("INSERT INTO erased VALUES (?, ?, ?, ?, ?)"),
    erasedCount: database.prepare<[number]>("SELECT count(*) FROM erased"),
    erasedAt: database.prepare<ErasedRow>("SELECT * FROM erased WHERE sequence = ?"),
    erasedAfter: database.prepare<ErasedRow>(
      "SELECT * FROM erased WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
    ),
    forgetErased: database.prepare<[]>(
      "DELETE FROM erased WHERE sequence IN (SELECT sequence FROM erased ORDER BY sequence LIMIT ?)",
    ),
    erasures: database.prepare<[number, number, number, number, number]>("SELECT * FROM erasures"),
    putErasure: database.prepare<[]>("INSERT OR REPLACE INTO erasures VALUES (?, ?, ?, ?, ?)"),
    cursor: database.prepare<[number]>("SELECT sequence FROM cursors WHERE disk = ?"),
    putCursor: database.prepare<[]>("INSERT OR REPLACE INTO cursors VALUES (?, ?)"),
    meta: database.prepare<[SqlValue]>("SELECT value FROM meta WHERE name = ?"),
    putMeta: database.prepare<[]>("INSERT OR REPLACE INTO meta VALUES (?, ?)"),
  };
}
