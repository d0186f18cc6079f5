/** The catalogue in SQLite: what stands where is in catalogue-schema.ts. */
import { rmSync } from "node:fs";
import { assert, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { DIRECTORIES_CACHED } from "../limits.ts";
import { compareBallots } from "../register/ballot.ts";
import type {
  CatalogueFile,
  CataloguePage,
  CatalogueQuery,
  CatalogueStore,
  CatalogueTotals,
  CatalogueWrites,
} from "../supernode-ports.ts";
import type { Ballot } from "../wire/messages.ts";
import { type Count, Counts, type DirectoryPath, directoryOf, sumOf } from "./catalogue-count.ts";
import { listPage } from "./catalogue-list.ts";
import { CATALOGUE_MIGRATIONS, catalogueStatements, checkedFileRow, type FileRow } from "./catalogue-schema.ts";
import { Database, SMALL_PAGE_BYTES } from "./sqlite.ts";
import { storedBallot, storedCount } from "./stored-values.ts";

export class SqliteCatalogueStore implements CatalogueStore {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof catalogueStatements>;
  /** Ids of directories; they never change while the directory is there. */
  readonly #ids = new Map<DirectoryPath, number>();
  readonly #totals: Map<number, CatalogueTotals>;
  readonly #cursors: Map<string, number>;

  /**
   * Opens or creates the catalogue. One that is damaged is begun anew: the change logs fill it again.
   * @throws QdfsError DATA_DIR_UNUSABLE (of a newer format), DATA_DIR_LOCKED, STORAGE_FULL
   */
  static open(path: string): SqliteCatalogueStore {
    try {
      return new SqliteCatalogueStore(path);
    } catch (error) {
      if (!isDamage(error)) throw error;
      for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
      return new SqliteCatalogueStore(path);
    }
  }

  private constructor(path: string) {
    this.#database = Database.open(path, {
      synchronous: "NORMAL",
      pageBytes: SMALL_PAGE_BYTES,
      migrations: CATALOGUE_MIGRATIONS,
    });
    try {
      this.#sql = this.#database.reading(() => catalogueStatements(this.#database));
      this.#totals = this.#database.reading(() => this.#readTotals());
      this.#cursors = this.#database.reading(() => this.#readCursors());
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  apply(writes: CatalogueWrites): void {
    const counts = new Counts();
    const logBytes = (2 + 3 * writes.files.length + 3 * (writes.erased?.length ?? 0)) * this.#database.pageBytes;
    try {
      this.#database.transaction(() => {
        for (const file of writes.files) this.#list(file, counts);
        for (const { path, ballot } of writes.erased ?? []) this.#erase(path, ballot, counts);
        this.#writeCounts(counts);
        for (const { diskId, sequence } of writes.cursors ?? []) this.#sql.putCursor.run(diskId, sequence);
      }, logBytes);
    } catch (error) {
      // Rolled back: ids drawn inside do not exist.
      this.#ids.clear();
      throw error;
    }
    for (const [partition, count] of counts.partitions) this.#totals.set(partition, sumOf(this.#totals.get(partition), count));
    for (const { diskId, sequence } of writes.cursors ?? []) this.#cursors.set(diskId, sequence);
    if (this.#ids.size > DIRECTORIES_CACHED) this.#ids.clear();
  }

  entry(path: Path): CatalogueFile | undefined {
    return this.#database.reading(() => this.#entry(path));
  }

  list(query: CatalogueQuery): CataloguePage {
    return this.#database.reading(() => listPage(this.#sql, query));
  }

  usage(prefix: Path): CatalogueTotals {
    return this.#database.reading(() => {
      const [, files, size, stored] = this.#sql.directory.row(prefix === "/" ? "" : prefix) ?? [0, 0, 0, 0];
      const below = { files, sizeBytes: size, storedBytes: stored };
      const self = this.#entry(prefix);
      if (self === undefined || self.tombstone) return below;
      return sumOf(below, { files: 1, deleted: 0, sizeBytes: self.sizeBytes, storedBytes: self.storedBytes });
    });
  }

  trashUsage(prefix: Path): CatalogueTotals {
    return this.#database.reading(() => {
      // "0" comes right after "/".
      const base = prefix === "/" ? "" : prefix;
      const [files, sizeBytes, storedBytes] = this.#sql.trashBelow.row(`${base}/`, `${base}0`) ?? [0, 0, 0];
      const self = this.#entry(prefix);
      if (!self?.tombstone) return { files, sizeBytes, storedBytes };
      return { files: files + 1, sizeBytes: sizeBytes + self.sizeBytes, storedBytes: storedBytes + self.storedBytes };
    });
  }

  totals(): ReadonlyMap<number, CatalogueTotals> {
    return this.#totals;
  }

  cursor(diskId: string): number {
    return this.#cursors.get(diskId) ?? 0;
  }

  clear(): void {
    this.#database.transaction(() => {
      for (const statement of this.#sql.clear) statement.run();
    }, 0);
    this.#ids.clear();
    this.#totals.clear();
    this.#cursors.clear();
  }

  maintain(): void {
    this.#database.maintain();
  }

  close(): void {
    this.#database.close();
  }

  #readTotals(): Map<number, CatalogueTotals> {
    const totals = new Map<number, CatalogueTotals>();
    for (const [partition, files, sizeBytes, storedBytes] of this.#sql.totals.rows()) {
      for (const count of [partition, files, sizeBytes, storedBytes]) storedCount(count, "total", this.#database.path);
      totals.set(partition, { files, sizeBytes, storedBytes });
    }
    return totals;
  }

  #readCursors(): Map<string, number> {
    const rows = this.#sql.cursors.rows();
    return new Map(rows.map(([disk, sequence]) => [disk, storedCount(sequence, "cursor", this.#database.path)]));
  }

  #entry(path: Path): CatalogueFile | undefined {
    const row = this.#sql.entry.row(path);
    return row && fileOf(row);
  }

  #list(file: CatalogueFile, counts: Counts): void {
    const before = this.#entry(file.path);
    if (before !== undefined) {
      if (compareBallots(file.ballot, before.ballot) <= 0) return;
      counts.add(before, -1);
      if (before.tombstone !== file.tombstone) this.#sql.remove.run(before.tombstone ? 1 : 0, file.path);
    }
    counts.add(file, 1);
    const { ballot, partition, version, sizeBytes, storedBytes, modifiedAtMs, writtenAtMs, by, checksum } = file;
    const directory = this.#directoryId(directoryOf(file.path));
    const { configuration, counter, node } = ballot;
    const key = [file.tombstone ? 1 : 0, file.path, directory, configuration, counter, node] as const;
    this.#sql.replace.run(...key, partition, version, sizeBytes, storedBytes, modifiedAtMs, writtenAtMs, by, checksum);
  }

  #erase(path: Path, ballot: Ballot, counts: Counts): void {
    const before = this.#entry(path);
    if (before === undefined || compareBallots(before.ballot, ballot) > 0) return;
    counts.add(before, -1);
    this.#sql.remove.run(before.tombstone ? 1 : 0, path);
  }

  /** The directory's id; the row is made, with its ancestors', when it is missing. */
  #directoryId(path: DirectoryPath): number {
    const cached = this.#ids.get(path);
    if (cached !== undefined) return cached;
    let id = this.#sql.directory.row(path)?.[0];
    if (id === undefined) {
      const parent = path === "" ? 0 : this.#directoryId(directoryOf(path));
      id = this.#sql.addDirectory.row(parent, path)?.[0] ?? 0;
    }
    this.#ids.set(path, id);
    return id;
  }

  #countDirectory(path: DirectoryPath, { files, deleted, sizeBytes, storedBytes }: Count): void {
    const counted = this.#sql.countDirectory.row(files, deleted, sizeBytes, storedBytes, path);
    assert(counted !== undefined, "a listed file's directory has a row");
    const [id, filesNow, deletedNow, listed, trashed] = counted;
    const flags = [filesNow > 0 ? 1 : 0, deletedNow > 0 ? 1 : 0] as const;
    if (filesNow === 0 && deletedNow === 0) {
      this.#sql.dropDirectory.run(id);
      this.#ids.delete(path);
    } else if (flags[0] !== listed || flags[1] !== trashed) {
      this.#sql.flagDirectory.run(...flags, id);
    }
  }

  #writeCounts({ directories, partitions }: Counts): void {
    for (const [path, count] of directories) this.#countDirectory(path, count);
    for (const [partition, count] of partitions) {
      const { files, sizeBytes, storedBytes } = sumOf(this.#totals.get(partition), count);
      this.#sql.putTotals.run(partition, files, sizeBytes, storedBytes);
    }
  }
}

function isDamage(error: unknown): boolean {
  if (!(error instanceof QdfsError) || error.code !== "DATA_DIR_UNUSABLE") return false;
  const { sqlite, damaged } = error.details;
  return damaged === true || (typeof sqlite === "string" && (sqlite.startsWith("SQLITE_CORRUPT") || sqlite === "SQLITE_NOTADB"));
}

/** @throws QdfsError DATA_DIR_UNUSABLE: the row was damaged */
function fileOf(row: FileRow): CatalogueFile {
  const [deleted, path, , configuration, counter, node, partition, version, size, stored, modified, written, author, checksum] =
    checkedFileRow(row);
  return {
    path,
    ballot: storedBallot(configuration, counter, node, "catalogue.db"),
    partition,
    version,
    tombstone: deleted === 1,
    sizeBytes: size,
    storedBytes: stored,
    modifiedAtMs: modified,
    writtenAtMs: written,
    by: author,
    checksum,
  };
}
