/** What a SuperNode needs from the world besides what every process needs (ports.ts): stable storage, the change of quorums. Interfaces only. */
import type { Path } from "./base/ids.ts";
import type { Ballot, ClusterMap, ListEntry, ListKind } from "./wire/messages.ts";

// -------------------------------------------------------------------------------------- stable storage

/** What a SuperNode must never forget. */
export interface SuperNodeState {
  /** The newest map; it carries the cluster's id and every node that was ever admitted and not removed. */
  readonly map: ClusterMap;
  /** The number that the next new DataNode gets: numbers are never reused, those of removed nodes included. */
  readonly nextNodeNumber: number;
}

export interface MapStore {
  /** The last saved state; undefined: a SuperNode that never saved one. @throws QdfsError DATA_DIR_UNUSABLE (it is damaged) */
  load(): SuperNodeState | undefined;
  /**
   * Durable (fsync) when it returns.
   * @throws QdfsError STORAGE_FULL (the old state stands), DATA_DIR_UNUSABLE
   */
  save(state: SuperNodeState): void;
  /** What `load` gives is a backup that was put back: older than what was issued since, so no map is issued from it (P17). Until `save`. */
  readonly isBackup: boolean;
  close(): void;
}

/** Backups of the last saved state, for `qdfs backup`. */
export interface BackupSource {
  /** The bytes of one. That it was made then is remembered. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  backup(wallMs: number): Uint8Array;
  /** When the last one was handed out, Unix epoch; 0: none, as far as this disk knows. */
  readonly backedUpAtMs: number;
}

// ------------------------------------------------------------------------------------- live changes

export type QuorumChangeEnd =
  /** The cluster goes by it, and the map says so. */
  | { readonly kind: "done" }
  /** The cluster is to go by what it went by before, or by what somebody else asked for. */
  | { readonly kind: "failed"; readonly why: string };

/** Changes the quorums of all partitions of a running cluster, safely (P16). */
export interface QuorumChanger {
  /** Begins a change, one at a time, and resolves when it has ended; it may take as long as copying takes. */
  change(to: { readonly w: number; readonly r: number }): Promise<QuorumChangeEnd>;
}

/** What the catalogue knows of a file: its current version as of `ballot`. */
export interface CatalogueFile {
  readonly path: Path;
  readonly ballot: Ballot;
  /** The file's partition; the same for every ballot of a path. */
  readonly partition: number;
  readonly version: number;
  /** The current version says: deleted. Listed as TRASH, counted nowhere. */
  readonly tombstone: boolean;
  /** Of the current version; for a tombstone whatever the trash is to show. */
  readonly sizeBytes: number;
  /** One replica's bytes of all kept versions, the current one included. */
  readonly storedBytes: number;
  readonly modifiedAtMs: number;
  readonly writtenAtMs: number;
  readonly by: string;
  readonly checksum: string;
}

/** One transaction, applied in the order of the fields. */
export interface CatalogueWrites {
  /** Listed in order; one whose ballot is not above the ballot of what is listed is ignored. */
  readonly files: readonly CatalogueFile[];
  /** Erased files: the entry goes, tombstone and all, unless its ballot is above this one. */
  readonly erased?: readonly { readonly path: Path; readonly ballot: Ballot }[];
  /** How far each disk's change log has been taken into account: never ahead of what is listed. */
  readonly cursors?: readonly { readonly diskId: string; readonly sequence: number }[];
}

export interface CatalogueQuery {
  /** A directory, `/` for all. The file of that very name is not under it. */
  readonly prefix: Path;
  /** All files below; else the directory's own files, and its subdirectories as one entry each. */
  readonly recursive: boolean;
  readonly kind: ListKind;
  /** Only what comes after this path in byte order; empty: from the start. */
  readonly after: string;
  /** Entries of this page, at least 1. A file and a directory of one name never stand on two pages: one entry more then. */
  readonly limit: number;
  /** Only files of these partitions, and directories with such a file somewhere below. */
  readonly partitions?: ReadonlySet<number>;
}

export interface CataloguePage {
  /** In byte order of path (a directory's has no trailing slash; of one name the file comes first). */
  readonly entries: readonly ListEntry[];
  /** There is more after the last entry. */
  readonly more: boolean;
}

/** Files that are no tombstones. */
export interface CatalogueTotals {
  readonly files: number;
  readonly sizeBytes: number;
  /** As in CatalogueFile: of one replica. */
  readonly storedBytes: number;
}

/**
 * The catalogue: derived data, rebuilt from the DataNodes' change logs at any time. So what is applied survives a crash of
 * the process, and after a power loss the newest applications may be missing, entries and cursors alike, never one without
 * the other. Everything is synchronous and takes about the same time in a large catalogue as in a small one.
 */
export interface CatalogueStore {
  /** @throws QdfsError STORAGE_FULL (nothing of it was applied), DATA_DIR_UNUSABLE */
  apply(writes: CatalogueWrites): void;
  entry(path: Path): CatalogueFile | undefined;
  list(query: CatalogueQuery): CataloguePage;
  /** The files below a directory, and the file of that very name. */
  usage(prefix: Path): CatalogueTotals;
  /** As usage, of the trash; takes longer the more there is in it. `sizeBytes` is what was deleted, `storedBytes` all that is kept of it. */
  trashUsage(prefix: Path): CatalogueTotals;
  /** By partition; one without files may be missing. Sum over the partitions that a node replicates for what it holds. */
  totals(): ReadonlyMap<number, CatalogueTotals>;
  /** The last sequence of that disk's change log taken into account; 0: none. */
  cursor(diskId: string): number;
  /** Forgets everything, cursors too: the rebuild begins. */
  clear(): void;
  /** Work for idle moments: checkpoint when the log has grown. */
  maintain(): void;
  close(): void;
}
