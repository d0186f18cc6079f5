/** The tables of node.db about what was erased (P14) and what is about to be deleted (P22). node-schema.ts has their format. */
import type { Path } from "../base/ids.ts";
import { ERASED_KEPT_MAX } from "../limits.ts";
import type { ChunkId, Erasure, NodeWrites, StoredChange } from "../ports.ts";
import type { Ballot } from "../wire/messages.ts";
import type { ErasedRow, nodeStatements } from "./node-schema.ts";
import type { Database } from "./sqlite.ts";
import { storedBallot, storedCount } from "./stored-values.ts";

const NO_BYTES = new Uint8Array(0);

export class GarbageTables {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  /** Rows of `erased`, or a few more. */
  #erased: number;

  constructor(database: Database, sql: ReturnType<typeof nodeStatements>) {
    this.#database = database;
    this.#sql = sql;
    this.#erased = sql.erasedCount.row()?.[0] ?? 0;
  }

  /** Within a transaction, as the other writes here. */
  write({ erasures = [], doomed = [], spared = [] }: NodeWrites): void {
    for (const { partition, floor, forgotten } of erasures)
      this.#sql.putErasure.run(partition, floor.configuration, floor.counter, floor.node, forgotten);
    for (const chunk of spared) this.#sql.spare.run(chunk);
    for (const chunk of doomed) this.#sql.doom.run(chunk);
  }

  /** An entry of the change log. Of many the oldest go, half of them at a time. */
  erase(sequence: number, path: Path, { configuration, counter, node }: Ballot): void {
    this.#sql.erase.run(sequence, path, configuration, counter, node);
    this.#erased += 1;
    if (this.#erased <= 2 * ERASED_KEPT_MAX) return;
    this.#sql.forgetErased.run(this.#erased - ERASED_KEPT_MAX);
    this.#erased = this.#sql.erasedCount.row()?.[0] ?? 0;
  }

  erasedAfter(after: number, through: number, limit: number): readonly StoredChange[] {
    return this.#sql.erasedAfter.rows(after, through, limit).map((row) => this.#change(row));
  }

  /** The one at that very sequence, or none. */
  erasedAt(sequence: number): readonly StoredChange[] {
    const row = this.#sql.erasedAt.row(sequence);
    return row === undefined ? [] : [this.#change(row)];
  }

  erasures(): ReadonlyMap<number, Erasure> {
    const { path } = this.#database;
    return new Map(
      this.#sql.erasures.rows().map(([partition, configuration, counter, node, forgotten]) => {
        const floor = storedBallot(configuration, counter, node, path);
        return [partition, { floor, forgotten: storedCount(forgotten, "forgotten stamp", path) }];
      }),
    );
  }

  doomed(): readonly ChunkId[] {
    return this.#sql.doomed.rows().map(([chunk]) => chunk);
  }

  #change([sequence, path, configuration, counter, node]: ErasedRow): StoredChange {
    const ballot = storedBallot(configuration, counter, node, this.#database.path);
    return { sequence, path, ballot, head: NO_BYTES, chosen: true, erased: true };
  }
}
