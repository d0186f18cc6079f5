/**
 * A SuperNode's catalogue.db (`PRAGMA user_version` 1). Derived data: it may be deleted while the SuperNode is down, and is
 * rebuilt from the DataNodes' change logs.
 *
 *   files             one row per file, in byte order of path, those of the trash behind the others
 *     deleted         1: the current version is a tombstone
 *     path            TEXT, normalised; (deleted, path) is the primary key, and a path stands under one `deleted` only
 *     directory       the id of the directory it is in
 *     configuration, counter, node    the ballot of the head that this row shows
 *     partition, version, size, stored, modified, written, author, checksum    as CatalogueFile in ports.ts
 *   files_by_directory        (directory, deleted, path): a directory's own files, without its subtrees
 *   directories       every directory with a file anywhere below
 *     id INTEGER PRIMARY KEY, parent (id; 0 for the root's), path UNIQUE ("" is the root)
 *     files, deleted, size, stored    files below that are not deleted, those that are, the former's bytes; 0 and 0: no row
 *     listed, trashed   1 when `files`, when `deleted` is above 0: flags, so that counting touches no index
 *   directories_listed, directories_trashed    (parent, path) of those so flagged
 *   totals            partition INTEGER PRIMARY KEY, files, size, stored
 *   cursors           disk TEXT PRIMARY KEY, sequence INTEGER
 *
 * The counters of directories and partitions change in the transaction that changes the files, so `du` and `status` are
 * look-ups, and a listing knows its subdirectories without walking them.
 */
import { type Database, damaged } from "./sqlite.ts";
import { isCount } from "./stored-values.ts";

export const CATALOGUE_MIGRATIONS = [
  `
  CREATE TABLE files (
    deleted INTEGER NOT NULL,
    path TEXT NOT NULL,
    directory INTEGER NOT NULL,
    configuration INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    node INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    written INTEGER NOT NULL,
    author TEXT NOT NULL,
    checksum TEXT NOT NULL,
    PRIMARY KEY (deleted, path)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX files_by_directory ON files (directory, deleted, path);
  CREATE TABLE directories (
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE,
    files INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    size INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    trashed INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX directories_listed ON directories (parent, path) WHERE listed = 1;
  CREATE INDEX directories_trashed ON directories (parent, path) WHERE trashed = 1;
  CREATE TABLE totals (partition INTEGER PRIMARY KEY, files INTEGER NOT NULL, size INTEGER NOT NULL, stored INTEGER NOT NULL) STRICT;
  CREATE TABLE cursors (disk TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
];

/** A row of `files`, all columns. */
export type FileRow = readonly [
  deleted: number,
  path: string,
  directory: number,
  configuration: number,
  counter: number,
  node: number,
  partition: number,
  version: number,
  size: number,
  stored: number,
  modified: number,
  written: number,
  author: string,
  checksum: string,
];

/** A row whose numbers are what they can be. @throws QdfsError DATA_DIR_UNUSABLE */
export function checkedFileRow(row: FileRow): FileRow {
  const [, path, , , , , partition, version, size, stored, modified, written] = row;
  const sane = isCount(partition) && isCount(version) && isCount(size) && isCount(stored) && isTime(modified) && isTime(written);
  if (!sane) throw damaged("catalogue.db", `the row of ${path}`);
  return row;
}

/** Before 1970 is a time too. */
function isTime(ms: number): boolean {
  return isCount(Math.abs(ms));
}

/** The prepared statements. Without INDEXED BY the planner, knowing no statistics, would walk the paths of whole subtrees. */
export function catalogueStatements(database: Database) {
  return {
    entry: database.prepare<FileRow>("SELECT * FROM files WHERE deleted IN (0, 1) AND path = ?"),
    replace: database.prepare<[]>("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    remove: database.prepare<[]>("DELETE FROM files WHERE deleted = ? AND path = ?"),
    filesBelow: database.prepare<FileRow>(
      "SELECT * FROM files WHERE deleted = ? AND path > ? AND path < ? ORDER BY path LIMIT ?",
    ),
    filesIn: database.prepare<FileRow>(
      "SELECT * FROM files INDEXED BY files_by_directory WHERE directory = ? AND deleted = ? AND path > ? ORDER BY path LIMIT ?",
    ),
    directory: database.prepare<[id: number, files: number, size: number, stored: number]>(
      "SELECT id, files, size, stored FROM directories WHERE path = ?",
    ),
    listed: database.prepare<[string]>(
      "SELECT path FROM directories INDEXED BY directories_listed WHERE parent = ? AND listed = 1 AND path > ? ORDER BY path LIMIT ?",
    ),
    trashed: database.prepare<[string]>(
      "SELECT path FROM directories INDEXED BY directories_trashed WHERE parent = ? AND trashed = 1 AND path > ? ORDER BY path LIMIT ?",
    ),
    addDirectory: database.prepare<[id: number]>("INSERT INTO directories VALUES (NULL, ?, ?, 0, 0, 0, 0, 0, 0) RETURNING id"),
    countDirectory: database.prepare<[id: number, files: number, deleted: number, listed: number, trashed: number]>(
      `UPDATE directories SET files = files + ?, deleted = deleted + ?, size = size + ?, stored = stored + ? WHERE path = ?
       RETURNING id, files, deleted, listed, trashed`,
    ),
    flagDirectory: database.prepare<[]>("UPDATE directories SET listed = ?, trashed = ? WHERE id = ?"),
    dropDirectory: database.prepare<[]>("DELETE FROM directories WHERE id = ?"),
    trashBelow: database.prepare<[files: number, size: number, stored: number]>(
      "SELECT count(*), coalesce(sum(size), 0), coalesce(sum(stored), 0) FROM files WHERE deleted = 1 AND path > ? AND path < ?",
    ),
    totals: database.prepare<[partition: number, files: number, size: number, stored: number]>("SELECT * FROM totals"),
    putTotals: database.prepare<[]>("INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?)"),
    cursors: database.prepare<[string, number]>("SELECT disk, sequence FROM cursors"),
    putCursor: database.prepare<[]>("INSERT OR REPLACE INTO cursors VALUES (?, ?)"),
    clear: ["files", "directories", "totals", "cursors"].map((table) => database.prepare<[]>(`DELETE FROM ${table}`)),
  };
}
