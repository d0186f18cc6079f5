/**
 * A SuperNode's map.db (`PRAGMA user_version` 1), the one thing it must not forget:
 *
 *   state     one row: id INTEGER (1), map BLOB (a qdfs.v1.ClusterMap message), next_node INTEGER
 */
import type { MapStore, SuperNodeState } from "../ports.ts";
import { mapCodec } from "../wire/codec.ts";
import { Database, PAGE_BYTES, type Statement } from "./sqlite.ts";

export const MAP_MIGRATIONS = [
  "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), map BLOB NOT NULL, next_node INTEGER NOT NULL) STRICT;",
];

export class SqliteMapStore implements MapStore {
  readonly #database: Database;
  readonly #select: Statement<[Buffer, number]>;
  readonly #replace: Statement<[]>;

  /** @throws QdfsError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, STORAGE_FULL */
  constructor(path: string) {
    this.#database = Database.open(path, { synchronous: "FULL", migrations: MAP_MIGRATIONS });
    this.#select = this.#database.prepare("SELECT map, next_node FROM state");
    this.#replace = this.#database.prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?)");
  }

  load(): SuperNodeState | undefined {
    const row = this.#database.reading(() => this.#select.row());
    return row && { map: mapCodec.decode(row[0]), nextNodeNumber: row[1] };
  }

  save({ map, nextNodeNumber }: SuperNodeState): void {
    const bytes = mapCodec.encode(map);
    this.#database.transaction(() => this.#replace.run(bytes, nextNodeNumber), 2 * PAGE_BYTES + bytes.length);
    this.#database.maintain();
  }

  close(): void {
    this.#database.close();
  }
}
