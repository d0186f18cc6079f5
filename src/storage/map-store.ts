/**
 * A SuperNode's map.db (`PRAGMA user_version` 2), the one thing it must not forget:
 *
 *   state     one row: id INTEGER (1), map BLOB (a qdfs.v1.ClusterMap message), next_node INTEGER
 *   backup    at most one row: id INTEGER (1), made_at_ms INTEGER (Unix epoch): when the last backup was handed out; for people only
 *
 * A backup is the same file with `PRAGMA application_id` BACKUP_KIND. It is born with that, so that however it comes to be a
 * map.db, no SuperNode issues maps from it before it has opened a new generation (P17): the state that is then saved takes the mark away.
 */
import { readFileSync, rmSync } from "node:fs";
import type { BackupSource, MapStore, SuperNodeState } from "../supernode-ports.ts";
import { mapCodec } from "../wire/codec.ts";
import { fileFailure } from "./file-failure.ts";
import { Database, damaged, SMALL_PAGE_BYTES, type Statement } from "./sqlite.ts";
import { storedCount, storedMap } from "./stored-values.ts";

export const MAP_MIGRATIONS = [
  "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), map BLOB NOT NULL, next_node INTEGER NOT NULL) STRICT;",
  "CREATE TABLE backup (id INTEGER PRIMARY KEY CHECK (id = 1), made_at_ms INTEGER NOT NULL) STRICT;",
];

/** "qdsb": a qdfs SuperNode's backup. */
const BACKUP_KIND = 0x71_64_73_62;
/** Where a SQLite file has its application id, 32 bits, big-endian (www.sqlite.org/fileformat2.html). */
const KIND_OFFSET = 68;
const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;

/** Whether these are the bytes of a file that `backup` made. */
export function isBackup(bytes: Buffer): boolean {
  if (bytes.length < HEADER_BYTES || bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return false;
  return bytes.readUInt32BE(KIND_OFFSET) === BACKUP_KIND;
}

export class SqliteMapStore implements MapStore, BackupSource {
  readonly #database: Database;
  #isBackup: boolean;
  readonly #select: Statement<[Buffer, number]>;
  readonly #replace: Statement<[]>;
  readonly #selectBackup: Statement<[number]>;
  readonly #replaceBackup: Statement<[]>;
  #backedUpAtMs: number | undefined;

  /** @throws QdfsError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, STORAGE_FULL */
  constructor(path: string) {
    this.#database = Database.open(path, { synchronous: "FULL", pageBytes: SMALL_PAGE_BYTES, migrations: MAP_MIGRATIONS });
    try {
      this.#select = this.#database.prepare("SELECT map, next_node FROM state");
      this.#replace = this.#database.prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?)");
      this.#selectBackup = this.#database.prepare("SELECT made_at_ms FROM backup");
      this.#replaceBackup = this.#database.prepare("INSERT OR REPLACE INTO backup VALUES (1, ?)");
      this.#isBackup = this.#database.kind === BACKUP_KIND;
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
    this.#database.transaction(
      () => {
        this.#replace.run(bytes, nextNodeNumber);
        if (this.#isBackup) this.#database.setKind(0);
      },
      2 * this.#database.pageBytes + bytes.length,
    );
    this.#isBackup = false;
    this.#database.maintain();
  }

  get isBackup(): boolean {
    return this.#isBackup;
  }

  get backedUpAtMs(): number {
    if (this.#backedUpAtMs === undefined) {
      const row = this.#database.reading(() => this.#selectBackup.row());
      this.#backedUpAtMs = row === undefined ? 0 : storedCount(row[0], "time of the last backup", this.#database.path);
    }
    return this.#backedUpAtMs;
  }

  /** What the file itself says is when the one before it was made. */
  backup(wallMs: number): Uint8Array {
    const copy = `${this.#database.path}-backup`;
    rmSync(copy, { force: true });
    try {
      this.#database.copyInto(copy);
      const bytes = readFileSync(copy);
      bytes.writeUInt32BE(BACKUP_KIND, KIND_OFFSET);
      this.#database.transaction(() => this.#replaceBackup.run(wallMs), 2 * this.#database.pageBytes);
      this.#backedUpAtMs = wallMs;
      return bytes;
    } catch (error) {
      throw fileFailure(error, copy);
    } finally {
      rmSync(copy, { force: true });
    }
  }

  close(): void {
    this.#database.close();
  }
}
