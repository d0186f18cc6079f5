/**
 * Local files on their way into the cluster. A file that changes while it is read must not be put: its content stream throws
 * LOCAL_FILE at its end, before anything was proposed, so that what is stored is always a state that the file once had.
 */
import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { QdfsError } from "../base/errors.ts";
import { CHUNK_BYTES_DEFAULT, DATE_MS_MAX, INLINE_BYTES_MAX } from "../limits.ts";
import { asLocalFailure, localFailure } from "./local-failure.ts";

const PERMISSION_BITS = 0o777;

export interface LocalFile {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly mode: number;
}

/**
 * Opens a regular file, hands it to `work` with its content, and closes it.
 * @throws QdfsError LOCAL_FILE: missing, unreadable, a directory, a device, a socket, a pipe; or it changed while it was read
 */
export async function withLocalFile<Result>(
  file: string,
  work: (local: LocalFile, content: Uint8Array | AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const handle = await openRegular(file);
  try {
    const before = await snapshot(handle, file);
    const local: LocalFile = {
      sizeBytes: before.sizeBytes,
      // some file systems have times that no date can show
      modifiedAtMs: Math.min(Math.max(0, Number(before.modifiedNs / 1_000_000n)), DATE_MS_MAX),
      mode: before.mode & PERMISSION_BITS,
    };
    const blocks = readBlocks(handle, file, before);
    return await work(local, before.sizeBytes <= INLINE_BYTES_MAX ? await joined(blocks) : blocks);
  } finally {
    await handle.close();
  }
}

async function openRegular(file: string): Promise<FileHandle> {
  try {
    // Asked first: opening a pipe or a device may wait for ever, or do something.
    refuseIrregular(file, await stat(file));
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      refuseIrregular(file, await handle.stat());
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asLocalFailure(error, file);
  }
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSocket(): boolean;
  isFIFO(): boolean;
}

function refuseIrregular(file: string, kind: Kind): void {
  if (kind.isFile()) return;
  if (kind.isDirectory()) throw localFailure(file, "it is a directory", "-r puts a whole tree");
  const what = kind.isSocket() ? "a socket" : kind.isFIFO() ? "a pipe" : "a device";
  throw localFailure(file, `it is ${what}, not a regular file`, "`qdfs put - PATH` takes bytes from standard input");
}

interface Snapshot {
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly mode: number;
}

async function snapshot(handle: FileHandle, file: string): Promise<Snapshot> {
  try {
    const found = await handle.stat({ bigint: true });
    return { sizeBytes: Number(found.size), modifiedNs: found.mtimeNs, mode: Number(found.mode) };
  } catch (error) {
    throw asLocalFailure(error, file);
  }
}

/** The file in blocks of one chunk; the buffer is reused. Reads one byte past the size, to notice growth (and /proc, where sizes are 0). */
async function* readBlocks(handle: FileHandle, file: string, before: Snapshot): AsyncIterable<Uint8Array> {
  const block = new Uint8Array(Math.min(CHUNK_BYTES_DEFAULT, before.sizeBytes + 1));
  let readBytes = 0;
  while (readBytes <= before.sizeBytes) {
    const filled = await fill(handle, file, block, readBytes);
    readBytes += filled;
    if (readBytes > before.sizeBytes) throw localFailure(file, "it grew while it was read; nothing was put");
    if (filled > 0) yield block.subarray(0, filled);
    if (filled < block.length) break;
  }
  const after = await snapshot(handle, file);
  if (readBytes !== before.sizeBytes || after.sizeBytes !== before.sizeBytes || after.modifiedNs !== before.modifiedNs) {
    throw localFailure(file, "it changed while it was read; nothing was put");
  }
}

/** Reads until the block is full or the file ends. */
async function fill(handle: FileHandle, file: string, block: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  try {
    while (filled < block.length) {
      const { bytesRead } = await handle.read(block, filled, block.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw asLocalFailure(error, file);
  }
  return filled;
}

async function joined(blocks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const block of blocks) parts.push(block.slice());
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** Something met while walking a tree. */
export type Found =
  | { readonly kind: "file"; readonly file: string; readonly relative: string; readonly sizeBytes: number }
  | { readonly kind: "symlink"; readonly file: string }
  | { readonly kind: "failure"; readonly file: string; readonly failure: QdfsError };

/**
 * Every file under a directory, depth first, in order of name. What cannot be read is a `failure`, and the walk goes on.
 * @throws QdfsError LOCAL_FILE when the directory itself cannot be read
 */
export async function* walk(directory: string): AsyncIterable<Found> {
  const entries = await readDirectory(directory);
  yield* walkEntries(directory, "", entries);
}

async function* walkEntries(directory: string, relative: string, entries: readonly Entry[]): AsyncIterable<Found> {
  const seen = new Set<string>();
  for (const entry of entries) {
    const file = join(directory, entry.name);
    const name = entry.name.normalize("NFC");
    if (seen.has(name)) {
      const why = `${file}: another name in this directory is the same in NFC`;
      yield { kind: "failure", file, failure: new QdfsError("BAD_PATH", why, { file }) };
      continue;
    }
    seen.add(name);
    const below = relative === "" ? name : `${relative}/${name}`;
    if (entry.isSymbolicLink()) {
      yield { kind: "symlink", file };
    } else if (entry.isDirectory()) {
      yield* walkDirectory(file, below);
    } else {
      yield { kind: "file", file, relative: below, sizeBytes: await sizeOf(file) };
    }
  }
}

async function* walkDirectory(directory: string, relative: string): AsyncIterable<Found> {
  let entries: readonly Entry[];
  try {
    entries = await readDirectory(directory);
  } catch (error) {
    yield { kind: "failure", file: directory, failure: asLocalFailure(error, directory) };
    return;
  }
  yield* walkEntries(directory, relative, entries);
}

interface Entry {
  readonly name: string;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

async function readDirectory(directory: string): Promise<readonly Entry[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw asLocalFailure(error, directory);
  }
}

/** For scheduling only; 0 when it cannot be told (the put will say why). */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}

/** True for an existing directory (a symbolic link to one included). */
export async function isLocalDirectory(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch {
    return false;
  }
}

/** The last segment of a local path, as cp takes it: of `a/b/` it is `b`. */
export function localName(file: string): string {
  return basename(file);
}
