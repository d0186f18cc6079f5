/** How a transaction of the catalogue changes the counters: summed up first, so each counter is written once. */
import type { Path } from "../base/ids.ts";
import type { CatalogueFile, CatalogueTotals } from "../supernode-ports.ts";

/** A directory's own name for itself: its path, and for the root nothing, so that children always begin with it and `/`. */
export type DirectoryPath = string;

export interface Count {
  files: number;
  deleted: number;
  sizeBytes: number;
  storedBytes: number;
}

export const noCount = (): Count => ({ files: 0, deleted: 0, sizeBytes: 0, storedBytes: 0 });

export function directoryOf(path: Path): DirectoryPath {
  return path.slice(0, path.lastIndexOf("/"));
}

/** From the directory that holds the path up to the root. */
export function* ancestorsOf(path: Path): Generator<DirectoryPath> {
  for (let end = path.lastIndexOf("/"); end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) yield path.slice(0, end);
}

export function addFile(count: Count, file: CatalogueFile, sign: 1 | -1): void {
  if (file.tombstone) {
    count.deleted += sign;
    return;
  }
  count.files += sign;
  count.sizeBytes += sign * file.sizeBytes;
  count.storedBytes += sign * file.storedBytes;
}

export function sumOf(base: CatalogueTotals | undefined, change: Count): CatalogueTotals {
  return {
    files: (base?.files ?? 0) + change.files,
    sizeBytes: (base?.sizeBytes ?? 0) + change.sizeBytes,
    storedBytes: (base?.storedBytes ?? 0) + change.storedBytes,
  };
}

/** The changes of one transaction, by directory and by partition. */
export class Counts {
  readonly directories = new Map<DirectoryPath, Count>();
  readonly partitions = new Map<number, Count>();

  add(file: CatalogueFile, sign: 1 | -1): void {
    addFile(entryOf(this.partitions, file.partition), file, sign);
    for (const directory of ancestorsOf(file.path)) addFile(entryOf(this.directories, directory), file, sign);
  }
}

function entryOf<K>(counts: Map<K, Count>, key: K): Count {
  let count = counts.get(key);
  if (count === undefined) {
    count = noCount();
    counts.set(key, count);
  }
  return count;
}
