/** Reads the change log of a DataNode: its young end from memory, what is older from the rows of `accepted` and `erased`. */
import type { Path } from "../base/ids.ts";
import type { StoredChange, StoredRegister } from "../ports.ts";
import type { GarbageTables } from "./garbage-tables.ts";
import type { nodeStatements, RegisterRow } from "./node-schema.ts";
import type { PathIndex } from "./path-index.ts";
import { RecentPaths } from "./recent-paths.ts";
import type { Database } from "./sqlite.ts";

/** How the store reads what a file's entry stands for. */
interface Registers {
  /** The committed accepted value. */
  newest(path: Path): StoredRegister | undefined;
  decoded(row: RegisterRow): StoredRegister;
}

export class LoggedChanges {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  readonly #index: PathIndex;
  readonly #garbage: GarbageTables;
  readonly #registers: Registers;
  readonly #recent: RecentPaths;

  /** `last`: the sequence after which this life begins. */
  constructor(
    database: Database,
    sql: ReturnType<typeof nodeStatements>,
    index: PathIndex,
    garbage: GarbageTables,
    last: number,
    registers: Registers,
  ) {
    this.#database = database;
    this.#sql = sql;
    this.#index = index;
    this.#garbage = garbage;
    this.#registers = registers;
    this.#recent = new RecentPaths(last);
  }

  /** The next sequence is this file's. */
  push(path: Path): void {
    this.#recent.push(path);
  }

  /** As NodeStore.changesAfter; `last` is the sequence of the last committed entry. To be called between commits. */
  after(sequence: number, last: number, limit: number): readonly StoredChange[] {
    if (sequence >= last) return [];
    if (this.#recent.covers(sequence)) return this.#recentChanges(sequence, last, limit);
    return this.#database.reading(() => this.#storedChanges(sequence, last, limit));
  }

  #storedChanges(after: number, last: number, limit: number): readonly StoredChange[] {
    const changes: StoredChange[] = [];
    for (let from = after; changes.length < limit && from < last; ) {
      const rows = this.#sql.changes.rows(from, last, limit);
      const erased = this.#garbage.erasedAfter(from, last, limit);
      // Both are whole up to here.
      const through = Math.min(
        rows.length < limit ? last : (rows.at(-1)?.[1] ?? from),
        erased.length < limit ? last : (erased.at(-1)?.sequence ?? from),
      );
      const found: StoredChange[] = erased.filter(({ path }) => this.#index.newest(path) === undefined);
      for (const [path, ...row] of rows) {
        if (this.#index.newest(path) === row[0]) found.push({ path, ...this.#registers.decoded(row) });
      }
      found.sort((a, b) => a.sequence - b.sequence);
      changes.push(...found.filter(({ sequence }) => sequence <= through).slice(0, limit - changes.length));
      from = through;
    }
    return changes;
  }

  /** Whoever follows the log closely is answered from memory. */
  #recentChanges(after: number, last: number, limit: number): readonly StoredChange[] {
    const changes: StoredChange[] = [];
    for (let at = after + 1; at <= last && changes.length < limit; at += 1) {
      const path = this.#recent.at(at);
      const register = this.#registers.newest(path);
      if (register?.sequence === at) changes.push({ path, ...register });
      else if (register === undefined) changes.push(...this.#database.reading(() => this.#garbage.erasedAt(at)));
    }
    return changes;
  }
}
