/**
 * A SuperNode's map.db (`PRAGMA user_version` 1), the one thing it must not forget:
 *
 *   state     one row: id INTEGER (1), map BLOB (a qdfs.v1.ClusterMap message), next_node INTEGER
 */
import type { MapStore, SuperNodeState } from "../ports.ts";
import { mapCodec } from "../wire/codec.ts";
import { Database, damaged, SMALL_PAGE_BYTES, type Statement } from "./sqlite.ts";
import { storedCount, storedMap } from "./stored-values.ts";

export const MAP_MIGRATIONS = [
  "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), map BLOB NOT NULL, next_node INTEGER NOT NULL) STRICT;",
];

export class SqliteMapStore implements MapStore {
  readonly #database: Database;
  readonly #select: Statement<[Buffer, number]>;
  readonly #replace: Statement<[]>;

  /** @throws QdfsError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, STORAGE_FULL */
  constructor(path: string) {
    this.#database = Database.open(path, { synchronous: "FULL", pageBytes: SMALL_PAGE_BYTES, migrations: MAP_MIGRATIONS });
    try {
      this.#select = this.#database.prepare("SELECT map, next_node FROM state");
      this.#replace = this.#database.prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?)");
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  load(): SuperNodeState | undefined {
    const row = this.#database.reading(() => this.#select.row());
    if (row === undefined) return undefined;
    const { path } = this.#database;
    const map = storedMap(row[0], path);
    const nextNodeNumber = storedCount(row[1], "next node number", path);
    if (map.nodes.every(({ number }) => number < nextNodeNumber)) return { map, nextNodeNumber };
    throw damaged(path, `its next node number is ${nextNodeNumber}, and there are higher ones`);
  }

  save({ map, nextNodeNumber }: SuperNodeState): void {
    const bytes = mapCodec.encode(map);
    this.#database.transaction(() => this.#replace.run(bytes, nextNodeNumber), 2 * this.#database.pageBytes + bytes.length);
    this.#database.maintain();
  }

  close(): void {
    this.#database.close();
  }
}
