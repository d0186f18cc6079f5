/** Reads the change log of a DataNode: its young end from memory, what is older from the rows of `accepted`. */
import type { Path } from "../base/ids.ts";
import type { StoredRegister } from "../ports.ts";
import type { nodeStatements, RegisterRow } from "./node-schema.ts";
import type { PathIndex } from "./path-index.ts";
import { RecentPaths } from "./recent-paths.ts";
import type { Database } from "./sqlite.ts";

type Change = { readonly path: Path } & StoredRegister;

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
  readonly #registers: Registers;
  readonly #recent: RecentPaths;

  /** `last`: the sequence after which this life begins. */
  constructor(database: Database, sql: ReturnType<typeof nodeStatements>, index: PathIndex, last: number, registers: Registers) {
    this.#database = database;
    this.#sql = sql;
    this.#index = index;
    this.#registers = registers;
    this.#recent = new RecentPaths(last);
  }

  /** The next sequence is this file's. */
  push(path: Path): void {
    this.#recent.push(path);
  }

  /** As NodeStore.changesAfter; `last` is the sequence of the last committed entry. To be called between commits. */
  after(sequence: number, last: number, limit: number): readonly Change[] {
    if (sequence >= last) return [];
    if (this.#recent.covers(sequence)) return this.#recentChanges(sequence, last, limit);
    return this.#database.reading(() => this.#storedChanges(sequence, last, limit));
  }

  #storedChanges(after: number, last: number, limit: number): readonly Change[] {
    const changes: Change[] = [];
    for (let from = after; changes.length < limit; ) {
      const rows = this.#sql.changes.rows(from, last, limit);
      for (const [path, ...row] of rows) {
        from = row[0];
        if (changes.length < limit && this.#index.newest(path) === from) changes.push({ path, ...this.#registers.decoded(row) });
      }
      if (rows.length < limit) break;
    }
    return changes;
  }

  /** Whoever follows the log closely is answered from memory. */
  #recentChanges(after: number, last: number, limit: number): readonly Change[] {
    const changes: Change[] = [];
    for (let at = after + 1; at <= last && changes.length < limit; at += 1) {
      const path = this.#recent.at(at);
      const register = this.#registers.newest(path);
      if (register?.sequence === at) changes.push({ path, ...register });
    }
    return changes;
  }
}
