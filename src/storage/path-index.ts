/**
 * Which rows of `accepted` are about a file. A table (`paths`) holds that for all rows but the youngest, which are kept in memory and
 * go into the table many at a time, sorted: an accept of a new file would write a page of it by itself, as large as what it
 * brings. After a crash the youngest rows are read again from `accepted`, in the order of which they lie there. Of a new file a filter
 * in memory (path-filter.ts) knows that the table has nothing: looking there took a tenth of what an accept does.
 */
import type { Path } from "../base/ids.ts";
import { compareUtf8 } from "../base/utf8-order.ts";
import { PathFilter } from "./path-filter.ts";
import type { Database } from "./sqlite.ts";
import { storedCount } from "./stored-values.ts";

export interface PathRow {
  readonly sequence: number;
  /** The operation that made the version whose bytes the row holds. */
  readonly random: string;
}

/** Its name in `meta`: rows up to this sequence are in the table. */
const INDEXED = "indexed";
/** An idle moment is worth it for one in so many of the rows that may be young. */
const IDLE_SHARE = 4;
/** Paths that are read at a time when the index is opened. */
const OPENING_PATHS = 4096;
/** A row of the table with its share of a half-full page, roughly. */
const ROW_BYTES = 128;

function statements(database: Database) {
  return {
    rows: database.prepare<[number, string]>("SELECT sequence, random FROM paths WHERE path = ?"),
    insert: database.prepare<[]>("INSERT OR REPLACE INTO paths VALUES (?, ?, ?)"),
    remove: database.prepare<[]>("DELETE FROM paths WHERE path = ? AND sequence = ?"),
    pathsAfter: database.prepare<[Path]>("SELECT DISTINCT path FROM paths WHERE path > ? ORDER BY path LIMIT ?"),
    acceptedAfter: database.prepare<[number, Path, string]>("SELECT sequence, path, random FROM accepted WHERE sequence > ?"),
    indexed: database.prepare<[number]>("SELECT value FROM meta WHERE name = ?"),
    putIndexed: database.prepare<[]>("INSERT OR REPLACE INTO meta VALUES (?, ?)"),
  };
}

export class PathIndex {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof statements>;
  readonly #youngMax: number;
  readonly #young = new Map<Path, PathRow[]>();
  /** Holds every file of the table, and some that were there once. */
  readonly #inTable = new PathFilter();
  /** How many files there were when it was opened. */
  readonly filesAtFirst: number;
  #youngRows = 0;
  /** Rows up to this sequence are in the table, if they are still of use. */
  #through: number;
  /** Takes back what the transaction under way changed in memory; the last step comes first. */
  #undo: (() => void)[] = [];

  /** Reads the table whole. `last`: the highest sequence there is; `youngMax`: so many rows are kept in memory. @throws QdfsError DATA_DIR_UNUSABLE */
  constructor(database: Database, last: number, youngMax: number) {
    this.#database = database;
    this.#youngMax = youngMax;
    this.#sql = statements(database);
    this.#through = Math.min(last, storedCount(this.#sql.indexed.row(INDEXED)?.[0] ?? 0, "indexed sequence", database.path));
    for (const [sequence, path, random] of this.#sql.acceptedAfter.rows(this.#through)) this.#push(path, { sequence, random });
    this.filesAtFirst = this.#readTable() + [...this.#young.keys()].filter((path) => this.#tableRows(path).length === 0).length;
  }

  /** How many files it has. */
  #readTable(): number {
    let files = 0;
    let after: Path = "";
    for (;;) {
      const rows = this.#sql.pathsAfter.rows(after, OPENING_PATHS);
      for (const [path] of rows) this.#inTable.add(path);
      files += rows.length;
      const last = rows.at(-1);
      if (last === undefined) return files;
      [after] = last;
    }
  }

  /** All rows of a file, in no order. They are few: one per kept version. */
  rows(path: Path): readonly PathRow[] {
    const old = this.#tableRows(path);
    const young = this.#young.get(path);
    return young === undefined ? old : [...old, ...young];
  }

  /** The sequence of a file's accepted value. */
  newest(path: Path): number | undefined {
    const young = this.#young.get(path);
    if (young !== undefined) return highest(young);
    return highest(this.#tableRows(path));
  }

  /** The next `limit` files after `after`, in the order of their UTF-8 bytes. */
  pathsAfter(after: string, limit: number): readonly Path[] {
    const old = this.#sql.pathsAfter.rows(after, limit).map(([path]) => path);
    const to = old.length < limit ? undefined : old.at(-1);
    const young: Path[] = [];
    for (const path of this.#young.keys()) {
      if (compareUtf8(path, after) > 0 && (to === undefined || compareUtf8(path, to) < 0)) young.push(path);
    }
    if (young.length === 0) return old;
    return [...new Set([...old, ...young])].sort(compareUtf8).slice(0, limit);
  }

  /** Within a transaction of `accepted`; a rollback of it is to be followed by one here. */
  add(path: Path, row: PathRow): void {
    this.#push(path, row);
    this.#undo.push(() => this.#drop(path, row.sequence));
  }

  /** As `add`, of a row that is older than all of the log. */
  addOld(path: Path, { sequence, random }: PathRow): void {
    this.#inTable.add(path);
    this.#sql.insert.run(path, sequence, random);
  }

  /** As `add`. */
  remove(path: Path, row: PathRow): void {
    if (row.sequence <= this.#through) {
      this.#sql.remove.run(path, row.sequence);
      return;
    }
    this.#drop(path, row.sequence);
    this.#undo.push(() => this.#push(path, row));
  }

  /** The transaction is committed. */
  keep(): void {
    this.#undo = [];
  }

  rollback(): void {
    for (const step of this.#undo.reverse()) step();
    this.#undo = [];
  }

  /** True when it is time to `fold`: in an idle moment there may be fewer of them. */
  wantsFold(idle: boolean): boolean {
    return this.#youngRows >= (idle ? this.#youngMax / IDLE_SHARE : this.#youngMax);
  }

  /** Moves the young rows into the table. `last`: the highest sequence there is. @throws QdfsError STORAGE_FULL: nothing is changed */
  fold(last: number): void {
    this.#database.transaction(
      () => {
        for (const path of [...this.#young.keys()].sort()) {
          this.#inTable.add(path);
          for (const { sequence, random } of this.#young.get(path) ?? []) this.#sql.insert.run(path, sequence, random);
        }
        this.#sql.putIndexed.run(INDEXED, last);
      },
      this.#youngRows * ROW_BYTES + this.#database.pageBytes,
    );
    this.#young.clear();
    this.#youngRows = 0;
    this.#through = last;
  }

  #tableRows(path: Path): PathRow[] {
    if (!this.#inTable.mayHold(path)) return [];
    return this.#sql.rows.rows(path).map(([sequence, random]) => ({ sequence, random }));
  }

  #push(path: Path, row: PathRow): void {
    const rows = this.#young.get(path);
    if (rows === undefined) this.#young.set(path, [row]);
    else rows.push(row);
    this.#youngRows += 1;
  }

  #drop(path: Path, sequence: number): void {
    const rows = this.#young.get(path) ?? [];
    const left = rows.filter((row) => row.sequence !== sequence);
    this.#youngRows -= rows.length - left.length;
    if (left.length === 0) this.#young.delete(path);
    else this.#young.set(path, left);
  }
}

function highest(rows: readonly PathRow[]): number | undefined {
  let newest: number | undefined;
  for (const { sequence } of rows) if (newest === undefined || sequence > newest) newest = sequence;
  return newest;
}
