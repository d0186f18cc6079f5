/**
 * A server's data directory: whose it is, and that nobody else uses it. A directory that cannot be used is refused before
 * anything in it is touched.
 *
 *   identity.json     {format, role, clusterId, node, diskId}; written before anything else, and once more when the cluster
 *                     admits the server, by when its databases exist. So: a clusterId, and no database: it was lost
 *   lock.db           an empty SQLite file, exclusively locked while a process uses the directory
 *   node.db, chunks/, quarantine/   of a DataNode (node-schema.ts, chunk-files.ts)
 *   node.db-open      there from opening to closing node.db, and all that time node.db-wal is part of it: what was acknowledged is there
 *   map.db, catalogue.db            of a SuperNode (map-store.ts, catalogue-store.ts)
 */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { assert, QdfsError } from "../base/errors.ts";
import { QUICK_CHECK_BYTES_MAX } from "../limits.ts";
import type { Random } from "../ports.ts";
import { fileFailure } from "./file-failure.ts";
import { type Identity, type Role, readIdentity, TEMPORARY_IDENTITY, writeIdentity } from "./identity.ts";
import { MAP_MIGRATIONS } from "./map-store.ts";
import { NODE_MIGRATIONS } from "./node-schema.ts";
import { inspectDatabase, lockFile, lostItsLog, refuseNewerFormat } from "./sqlite.ts";

export interface DataDir {
  readonly path: string;
  /** As of now: joinCluster changes it. */
  readonly identity: Identity;
  /** The path of one of its files. */
  file(name: string): string;
  /**
   * Makes the directory a member's, durably: before the server's first vote. Its databases must exist by now.
   * `node` is 0 for a SuperNode. Joining the same cluster as the same node again does nothing.
   * @throws QdfsError WRONG_CLUSTER (a member already, of another cluster or as another node), STORAGE_FULL
   */
  joinCluster(clusterId: string, node: number): void;
  /** Lets another process use it. */
  close(): void;
}

/** The database whose loss is the loss of a server's memory. */
const DATABASE: Readonly<Record<Role, string>> = { datanode: "node.db", supernode: "map.db" };
const FORMAT: Readonly<Record<Role, number>> = { datanode: NODE_MIGRATIONS.length, supernode: MAP_MIGRATIONS.length };
const LOST: Readonly<Record<Role, string>> = {
  datanode: "this node lost its votes; use an empty directory to join as a new node",
  supernode:
    "this SuperNode lost its map; use an empty directory and `qdfs supernode --recover-from HOST:PORT,… --data DIR` with the addresses of its DataNodes",
};
const LOCK = "lock.db";
/** What a first start that was interrupted leaves, and what file systems put into their root. */
const NOBODYS = new Set([LOCK, TEMPORARY_IDENTITY, "lost+found"]);

/**
 * Opens a server's data directory, creating it when it is missing or empty.
 * @throws QdfsError DATA_DIR_LOCKED (another process uses it), DATA_DIR_UNUSABLE (not a directory, not accessible, not ours,
 * another role's, of a newer format, damaged, incomplete), STORAGE_FULL. The directory is left as it was.
 */
export function openDataDir(path: string, role: Role, random: Random): DataDir {
  try {
    makeDirectory(path);
    identityFor(path, role);
    const unlock = lock(path);
    try {
      // Read again under the lock: another process may have begun here a moment ago.
      const identity = identityFor(path, role);
      if (identity !== undefined && identity.clusterId !== "") checkDatabase(path, identity);
      return new OpenDataDir(path, identity ?? begin(path, role, random), unlock.release);
    } catch (error) {
      unlock.undo();
      throw error;
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

class OpenDataDir implements DataDir {
  readonly path: string;
  readonly #release: () => void;
  #identity: Identity;

  constructor(path: string, identity: Identity, release: () => void) {
    this.path = path;
    this.#identity = identity;
    this.#release = release;
  }

  get identity(): Identity {
    return this.#identity;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  joinCluster(clusterId: string, node: number): void {
    const { role, clusterId: joined, node: as } = this.#identity;
    assert(clusterId !== "", "a cluster has an id");
    if (joined === clusterId && as === node) return;
    if (joined !== "") {
      throw new QdfsError(
        "WRONG_CLUSTER",
        `${this.path} belongs to cluster ${joined} (node ${as}), not to ${clusterId} (node ${node})`,
      );
    }
    assert(existsSync(this.file(DATABASE[role])), "a server has its database before it becomes a member");
    const identity = { ...this.#identity, clusterId, node };
    try {
      writeIdentity(this.path, identity);
    } catch (error) {
      throw fileFailure(error, this.path);
    }
    this.#identity = identity;
  }

  close(): void {
    this.#release();
  }
}

function unusable(path: string, why: string): QdfsError {
  return new QdfsError("DATA_DIR_UNUSABLE", `data directory ${path}: ${why}`, { path });
}

function makeDirectory(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) mkdirSync(path, { recursive: true });
  else if (!there.isDirectory()) throw unusable(path, "it is not a directory");
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw unusable(path, "this user may not read and write it");
  }
}

/** The identity of a directory of this role; undefined: one that begins now. */
function identityFor(path: string, role: Role): Identity | undefined {
  const identity = readIdentity(path);
  if (identity !== undefined) {
    if (identity.role !== role) throw unusable(path, `it is a ${identity.role}'s, and this is a ${role}`);
    return identity;
  }
  const names = readdirSync(path).filter((name) => !NOBODYS.has(name));
  if (names.length === 0) return undefined;
  if (Object.values(DATABASE).some((name) => names.includes(name))) {
    throw unusable(path, "its identity.json is missing; restore it, or use an empty directory to join as a new node");
  }
  throw unusable(path, `it holds files that are not qdfs's (${names.slice(0, 3).join(", ")}); use an empty or a new directory`);
}

function begin(path: string, role: Role, random: Random): Identity {
  const identity: Identity = { role, clusterId: "", node: 0, diskId: random.hex(16) };
  writeIdentity(path, identity);
  return identity;
}

function lock(path: string): { release: () => void; undo: () => void } {
  const file = join(path, LOCK);
  const there = lstatSync(file, { throwIfNoEntry: false });
  const created = there === undefined;
  if (there !== undefined && !there.isFile()) throw unusable(path, `${LOCK} is not a regular file`);
  let release: () => void;
  try {
    release = lockFile(file);
  } catch (error) {
    if (!(error instanceof QdfsError) || error.code !== "DATA_DIR_LOCKED") throw error;
    throw new QdfsError("DATA_DIR_LOCKED", `another process uses the data directory ${path}`, { path });
  }
  const undo = () => {
    release();
    if (created) rmSync(file, { force: true });
  };
  return { release, undo };
}

/** Finds damage before the database is opened for writing, which would change it. */
function checkDatabase(path: string, { role }: Identity): void {
  const file = join(path, DATABASE[role]);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  const lost = LOST[role];
  if (size === undefined) throw unusable(path, `${DATABASE[role]} is missing: ${lost}`);
  if (lostItsLog(file)) throw unusable(path, `${DATABASE[role]}-wal is missing, which a killed process left here: ${lost}`);
  const strays = [`${file}-wal`, `${file}-shm`].filter((stray) => !existsSync(stray));
  try {
    const format = inspectDatabase(file, size <= QUICK_CHECK_BYTES_MAX);
    refuseNewerFormat(file, format, FORMAT[role]);
    if (format === 0) throw unusable(path, `${DATABASE[role]} is empty: ${lost}`);
  } finally {
    for (const stray of strays) rmSync(stray, { force: true });
  }
}
