/** The SuperNode's stores without a disk, for tests and the simulator. */
import type { Path } from "../base/ids.ts";
import { compareUtf8 } from "../base/utf8-order.ts";
import { compareBallots } from "../register/ballot.ts";
import type {
  CatalogueFile,
  CataloguePage,
  CatalogueQuery,
  CatalogueStore,
  CatalogueTotals,
  CatalogueWrites,
  MapStore,
  SuperNodeState,
} from "../supernode-ports.ts";
import { type ListEntry, ListKind } from "../wire/messages.ts";

export class MemoryMapStore implements MapStore {
  #state: SuperNodeState | undefined;
  isBackup = false;

  /** As a disk on which a backup was put back. */
  restore(state: SuperNodeState): void {
    this.#state = structuredClone(state);
    this.isBackup = true;
  }

  load(): SuperNodeState | undefined {
    return this.#state;
  }

  save(state: SuperNodeState): void {
    this.#state = structuredClone(state);
    this.isBackup = false;
  }

  close(): void {}
}

export class MemoryCatalogueStore implements CatalogueStore {
  readonly #files = new Map<Path, CatalogueFile>();
  readonly #cursors = new Map<string, number>();

  apply({ files, erased, cursors }: CatalogueWrites): void {
    for (const file of files) {
      const before = this.#files.get(file.path);
      if (before === undefined || compareBallots(file.ballot, before.ballot) > 0) this.#files.set(file.path, { ...file });
    }
    for (const { path, ballot } of erased ?? []) {
      const before = this.#files.get(path);
      if (before !== undefined && compareBallots(before.ballot, ballot) <= 0) this.#files.delete(path);
    }
    for (const { diskId, sequence } of cursors ?? []) this.#cursors.set(diskId, sequence);
  }

  entry(path: Path): CatalogueFile | undefined {
    return this.#files.get(path);
  }

  list(query: CatalogueQuery): CataloguePage {
    const all = this.#entries(query).filter(({ path }) => compareUtf8(path, query.after) > 0);
    all.sort((a, b) => compareUtf8(a.path, b.path) || Number(a.directory) - Number(b.directory));
    const pair = all[query.limit - 1]?.path === all[query.limit]?.path;
    const entries = all.slice(0, pair ? query.limit + 1 : query.limit);
    return { entries, more: entries.length < all.length };
  }

  usage(prefix: Path): CatalogueTotals {
    const below = prefix === "/" ? "/" : `${prefix}/`;
    return sum(this.#live().filter(({ path }) => path === prefix || path.startsWith(below)));
  }

  trashUsage(prefix: Path): CatalogueTotals {
    const below = prefix === "/" ? "/" : `${prefix}/`;
    const trash = [...this.#files.values()].filter(({ tombstone }) => tombstone);
    return sum(trash.filter(({ path }) => path === prefix || path.startsWith(below)));
  }

  totals(): ReadonlyMap<number, CatalogueTotals> {
    const partitions = new Map<number, CatalogueFile[]>();
    for (const file of this.#live()) partitions.set(file.partition, [...(partitions.get(file.partition) ?? []), file]);
    return new Map([...partitions].map(([partition, files]) => [partition, sum(files)]));
  }

  cursor(diskId: string): number {
    return this.#cursors.get(diskId) ?? 0;
  }

  clear(): void {
    this.#files.clear();
    this.#cursors.clear();
  }

  maintain(): void {}

  close(): void {}

  #live(): CatalogueFile[] {
    return [...this.#files.values()].filter(({ tombstone }) => !tombstone);
  }

  /** What the query is about, in no order. */
  #entries({ prefix, recursive, kind, partitions }: CatalogueQuery): ListEntry[] {
    const below = prefix === "/" ? "/" : `${prefix}/`;
    const found = new Map<string, ListEntry>();
    for (const file of this.#files.values()) {
      if (!file.path.startsWith(below) || file.tombstone !== (kind === ListKind.TRASH)) continue;
      if (partitions !== undefined && !partitions.has(file.partition)) continue;
      const end = recursive ? -1 : file.path.indexOf("/", below.length);
      const path = end === -1 ? file.path : file.path.slice(0, end);
      found.set(`${path}${end === -1 ? "" : "/"}`, end === -1 ? fileEntry(file) : directoryEntry(path));
    }
    return [...found.values()];
  }
}

function sum(files: readonly CatalogueFile[]): CatalogueTotals {
  return {
    files: files.length,
    sizeBytes: files.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
    storedBytes: files.reduce((total, { storedBytes }) => total + storedBytes, 0),
  };
}

function fileEntry({ path, sizeBytes, version, modifiedAtMs, writtenAtMs, by, checksum }: CatalogueFile): ListEntry {
  return { path, directory: false, sizeBytes, version, modifiedAtMs, writtenAtMs, by, checksum };
}

function directoryEntry(path: string): ListEntry {
  return { path, directory: true, sizeBytes: 0, version: 0, modifiedAtMs: 0, writtenAtMs: 0, by: "", checksum: "" };
}
