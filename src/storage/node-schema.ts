/**
 * A DataNode's database, node.db: every register it replicates, its change log, its inline bytes, the chunk index, the
 * ceiling, the adopted map. The format, precise enough to write another reader of it:
 *
 *   PRAGMA user_version      2
 *   accepted                 one row per accept still of use, in the order of acceptance; register, change log and inline
 *                            bytes are this one table, so an accept is one insert
 *     sequence               INTEGER PRIMARY KEY, rises by 1 per accept: the place in the change log
 *     path                   TEXT, normalised (base/path.ts), UTF-8
 *     configuration, counter, node    the ballot
 *     random                 TEXT, the operation that made the version which the head calls current
 *     head                   BLOB, a qdfs.v1.Head message
 *     content                BLOB, the inline bytes of that version; NULL: a tombstone, or in chunks. Last in the row, so
 *                            that heads are read without its overflow pages
 *   paths                    path TEXT, sequence INTEGER, random TEXT; PRIMARY KEY (path, sequence): the rows of `accepted` by file, but for
 *                            those after the sequence `indexed` of meta (path-index.ts)
 *   chunks                   chunk TEXT PRIMARY KEY, owner TEXT (path), size INTEGER (bytes), checksum TEXT
 *   cursors                  disk TEXT PRIMARY KEY, sequence INTEGER: how far that disk's change log was followed
 *   meta                     name TEXT PRIMARY KEY, value: `disk` (TEXT, as in identity.json), `ceiling`, `indexed` (INTEGER),
 *                            `map` (BLOB, a qdfs.v1.ClusterMap message), `chosen` (TEXT, chosen-marks.ts: decimal numbers
 *                            with a space between: the sequence up to which accepted values are known chosen, and those
 *                            up to it that are not)
 *
 * The row with a path's highest sequence is the file's accepted value; no row: absent. Its other rows keep the inline bytes
 * of versions in the history until a trim drops them (their heads are of no use). An accept of a version that has a row
 * already (a settle, a learned copy) replaces that row, at its own new sequence: one row per file and version.
 *
 * Sequences never repeat (P19): the next one is the highest row's plus 1, and the highest row goes only in the transaction
 * that inserts a higher one. A trim never takes a path's highest row, and the table's highest row is its path's.
 *
 * Rows never change: an accept of 4 KiB writes them once, in the order of arrival.
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
];

export type RegisterRow = readonly [
  sequence: number,
  configuration: number,
  counter: number,
  node: number,
  random: string,
  head: Buffer,
];

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
    insert: database.prepare<[]>("INSERT INTO accepted VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    drop: database.prepare<[]>("DELETE FROM accepted WHERE sequence = ?"),
    trim: database.prepare<[]>("DELETE FROM accepted WHERE sequence = ? AND (configuration, counter, node) < (?, ?, ?)"),
    changes: database.prepare<[string, ...RegisterRow]>(
      `SELECT path, ${REGISTER} FROM accepted WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    pathsAfter: database.prepare<[number, Path]>("SELECT sequence, path FROM accepted WHERE sequence > ? ORDER BY sequence"),
    lastSequence: database.prepare<[number | null]>("SELECT max(sequence) FROM accepted"),
    chunk: database.prepare<[string, number, string]>("SELECT owner, size, checksum FROM chunks WHERE chunk = ?"),
    putChunk: database.prepare<[]>("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)"),
    dropChunk: database.prepare<[]>("DELETE FROM chunks WHERE chunk = ?"),
    chunkBytes: database.prepare<[number]>("SELECT coalesce(sum(size), 0) FROM chunks"),
    cursor: database.prepare<[number]>("SELECT sequence FROM cursors WHERE disk = ?"),
    putCursor: database.prepare<[]>("INSERT OR REPLACE INTO cursors VALUES (?, ?)"),
    meta: database.prepare<[SqlValue]>("SELECT value FROM meta WHERE name = ?"),
    putMeta: database.prepare<[]>("INSERT OR REPLACE INTO meta VALUES (?, ?)"),
  };
}
