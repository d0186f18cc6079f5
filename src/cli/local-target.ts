/**
 * Files from the cluster on their way to the local disk. The bytes go to a temporary file beside the target, which then takes
 * its place: nobody ever sees a part of a file. A tree never leaves its directory, whatever symbolic links stand in it.
 */
import { closeSync, fchmodSync, futimesSync, lstatSync, openSync, renameSync, rmSync, type Stats, writeSync } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, realpath, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DATE_MS_MAX } from "../limits.ts";
import { asLocalFailure, localFailure, systemCodeOf } from "./local-failure.ts";

const PERMISSION_BITS = 0o777;

export interface FileFacts {
  readonly modifiedAtMs: number;
  /** Permission bits; 0: not known, the umask decides. */
  readonly mode: number;
}

/** Temporary files that exist right now; an interrupted process removes them. */
const temporaries = new Set<string>();

process.on("exit", removeTemporaries);

export function removeTemporaries(): void {
  for (const file of temporaries) rmSync(file, { force: true });
  temporaries.clear();
}

/**
 * Writes a file whole, or not at all. An existing file is replaced; a link is followed (unless `insideTree`); a device or pipe
 * is written to.
 * @throws QdfsError LOCAL_FILE, and what the body throws
 */
export async function writeLocalFile(
  file: string,
  body: AsyncIterable<Uint8Array>,
  facts: FileFacts | undefined,
  insideTree = false,
): Promise<void> {
  const place = await placeOf(file, insideTree);
  if (place.stream) {
    await writeInto(place.file, body);
    return;
  }
  const temporary = temporaryBeside(place.file);
  try {
    await writeTemporary(temporary, file, body);
    try {
      if (facts !== undefined) await restoreFacts(temporary, facts);
      await rename(temporary, place.file);
    } catch (error) {
      throw asLocalFailure(error, file);
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    temporaries.delete(temporary);
  }
}

/**
 * As writeLocalFile inside a tree, for few bytes that are there already: with direct calls, and as few of them as will do, for
 * they are half of what a tree of small files takes, and handing each to a thread takes several times as long.
 * @throws QdfsError LOCAL_FILE
 */
export function writeSmallFile({ file, inNewDirectory }: TreePlace, bytes: Uint8Array, facts: FileFacts): void {
  const temporary = temporaryBeside(file);
  try {
    if (!inNewDirectory) checkReplaceable(file, lstatSync(file, { throwIfNoEntry: false }));
    fillSmallFile(temporary, bytes, factsToRestore(facts));
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asLocalFailure(error, file);
  } finally {
    temporaries.delete(temporary);
  }
}

function fillSmallFile(temporary: string, bytes: Uint8Array, { mode, modifiedAt }: RestoredFacts): void {
  const fd = openSync(temporary, "wx", mode);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    if (mode !== undefined && (mode & UMASK) !== 0) fchmodSync(fd, mode);
    if (modifiedAt !== undefined) futimesSync(fd, modifiedAt, modifiedAt);
  } finally {
    closeSync(fd);
  }
}

/** What a new file of this process does not get of the mode that it is opened with. */
const UMASK = process.umask();

/** So that the temporary files of several processes in one directory are different ones. */
const PROCESS = crypto.randomUUID();
let serial = 0;

/** A name for a new file, in the list of those that exist. */
function temporaryBeside(file: string): string {
  serial += 1;
  const temporary = join(dirname(file), `.qdfs-${PROCESS}-${serial}.part`);
  temporaries.add(temporary);
  return temporary;
}

/** In a tree; a symbolic link is replaced itself. */
function checkReplaceable(file: string, kind: Stats | undefined): void {
  if (kind?.isDirectory()) throw localFailure(file, "it is a directory");
  if (kind !== undefined && !kind.isFile() && !kind.isSymbolicLink())
    throw localFailure(file, "it exists and is not a regular file");
}

interface Place {
  readonly file: string;
  /** An existing device or pipe: nothing to replace. */
  readonly stream: boolean;
}

async function placeOf(file: string, insideTree: boolean): Promise<Place> {
  let kind: Stats;
  try {
    kind = insideTree ? await lstat(file) : await stat(file);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return { file, stream: false };
    throw asLocalFailure(error, file);
  }
  if (insideTree) {
    checkReplaceable(file, kind);
    return { file, stream: false };
  }
  if (kind.isDirectory()) throw localFailure(file, "it is a directory");
  return kind.isFile() ? { file: await realpath(file), stream: false } : { file, stream: true };
}

async function writeTemporary(temporary: string, file: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(temporary, "wx");
  } catch (error) {
    throw asLocalFailure(error, file);
  }
  try {
    for await (const piece of body) await writePiece(handle, file, piece);
  } finally {
    await handle.close();
  }
}

async function writeInto(file: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r+").catch(() => open(file, "w"));
  } catch (error) {
    throw asLocalFailure(error, file);
  }
  try {
    for await (const piece of body) await writePiece(handle, file, piece);
  } finally {
    await handle.close();
  }
}

async function writePiece(handle: FileHandle, file: string, piece: Uint8Array): Promise<void> {
  try {
    let written = 0;
    while (written < piece.length) written += (await handle.write(piece, written, piece.length - written)).bytesWritten;
  } catch (error) {
    throw asLocalFailure(error, file);
  }
}

async function restoreFacts(file: string, facts: FileFacts): Promise<void> {
  const { mode, modifiedAt } = factsToRestore(facts);
  if (mode !== undefined) await chmod(file, mode);
  if (modifiedAt !== undefined) await utimes(file, modifiedAt, modifiedAt);
}

/** Undefined: not known, or nothing that a file can have. */
interface RestoredFacts {
  readonly mode?: number;
  readonly modifiedAt?: Date;
}

function factsToRestore({ mode, modifiedAtMs }: FileFacts): RestoredFacts {
  return {
    mode: mode === 0 ? undefined : mode & PERMISSION_BITS,
    modifiedAt: modifiedAtMs <= 0 || modifiedAtMs > DATE_MS_MAX ? undefined : new Date(modifiedAtMs),
  };
}

/** Where a file of a tree goes. */
export interface TreePlace {
  readonly file: string;
  /** Its directory was made for this tree: there is nothing to replace in it. */
  readonly inNewDirectory: boolean;
}

/** Makes the directories of a tree; each once, and none through a symbolic link. */
export class LocalTree {
  readonly #root: string;
  /** Whether each of them is new. */
  readonly #made = new Map<string, Promise<boolean>>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The place for a file of the tree; its directory exists then.
   * @param segments its path below the root: no empty, `.` or `..` segment (base/path.ts)
   * @throws QdfsError LOCAL_FILE
   */
  async prepare(segments: readonly string[]): Promise<TreePlace> {
    let inNewDirectory = await this.#makeRoot();
    for (let depth = 1; depth < segments.length; depth++)
      inNewDirectory = await this.#directory(join(this.#root, ...segments.slice(0, depth)));
    return { file: join(this.#root, ...segments), inNewDirectory };
  }

  /** The root is the user's own choice: it may be a link. */
  #makeRoot(): Promise<boolean> {
    return this.#once(this.#root, async () => (await mkdir(this.#root, { recursive: true })) !== undefined);
  }

  #directory(directory: string): Promise<boolean> {
    return this.#once(directory, async () => {
      try {
        await mkdir(directory);
        return true;
      } catch (error) {
        if (systemCodeOf(error) !== "EEXIST") throw error;
        if (!lstatSync(directory).isDirectory())
          throw localFailure(directory, "it exists and is no directory (links are not followed)");
        return false;
      }
    });
  }

  #once(directory: string, make: () => Promise<boolean>): Promise<boolean> {
    const made = this.#made.get(directory);
    if (made !== undefined) return made;
    const making = make().catch((error: unknown) => {
      throw asLocalFailure(error, directory);
    });
    this.#made.set(directory, making);
    return making;
  }
}
