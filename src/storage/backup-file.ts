/** Putting a SuperNode's backup (map-store.ts) back into a data directory, from which the next SuperNode begins with a recovery (P17). */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { messageOf, QdfsError } from "../base/errors.ts";
import { BACKUP_BYTES_MAX } from "../limits.ts";
import type { Random } from "../ports.ts";
import type { SuperNodeState } from "../supernode-ports.ts";
import { type DataDir, openDataDir } from "./data-dir.ts";
import { syncDirectoryNow } from "./directory-sync.ts";
import { fileFailure } from "./file-failure.ts";
import { isBackup, SqliteMapStore } from "./map-store.ts";

/**
 * Makes `directory`, which must be missing or empty, one of a SuperNode that is to be recovered with what the backup knows. All or nothing:
 * broken off, it may be done again.
 * @throws QdfsError LOCAL_FILE (no such file, or no backup), DATA_DIR_UNUSABLE (not empty, or the backup is damaged), DATA_DIR_LOCKED,
 * STORAGE_FULL
 */
export function restoreBackup(file: string, directory: string, random: Random): SuperNodeState {
  const bytes = readBackup(file);
  const dataDir = openDataDir(directory, "supernode", random);
  try {
    const maps = dataDir.file("map.db");
    if (dataDir.identity.clusterId !== "" || existsSync(maps)) {
      throw new QdfsError(
        "DATA_DIR_UNUSABLE",
        `data directory ${directory} is not empty: a backup is put into an empty or new one`,
        {
          path: directory,
        },
      );
    }
    const state = written(dataDir, bytes, file);
    dataDir.joinCluster(state.map.clusterId, 0);
    return state;
  } finally {
    dataDir.close();
  }
}

function readBackup(file: string): Buffer {
  let bytes: Buffer | undefined;
  try {
    if (statSync(file).size <= BACKUP_BYTES_MAX) bytes = readFileSync(file);
  } catch (error) {
    throw new QdfsError("LOCAL_FILE", `cannot read ${file}: ${messageOf(error)}`, { file });
  }
  if (bytes === undefined || !isBackup(bytes)) throw new QdfsError("LOCAL_FILE", `${file} is no backup of a SuperNode`, { file });
  return bytes;
}

/** Under another name first, so that a directory never has half a map.db. */
function written(dataDir: DataDir, bytes: Buffer, file: string): SuperNodeState {
  const temporary = dataDir.file("map.db-restored");
  const clear = () => {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${temporary}${suffix}`, { force: true });
  };
  try {
    clear();
    const descriptor = openSync(temporary, "wx", 0o644);
    try {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    const store = new SqliteMapStore(temporary);
    const state = closing(store, () => store.load());
    if (state === undefined) throw new QdfsError("LOCAL_FILE", `${file} holds no state of a SuperNode`, { file });
    renameSync(temporary, dataDir.file("map.db"));
    syncDirectoryNow(dataDir.path);
    return state;
  } catch (error) {
    clear();
    throw fileFailure(error, dataDir.path);
  }
}

function closing<T>(store: SqliteMapStore, read: () => T): T {
  try {
    return read();
  } finally {
    store.close();
  }
}
