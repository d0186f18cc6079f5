/**
 * Chunk bytes as files: `chunks/<first two digits of the id>/<id>`, nothing but the chunk's bytes in each.
 *
 * A chunk streams into `chunks/incoming/` while it is hashed, and gets its name by a rename; file and directory are durable when
 * `write` resolves: under the name of a chunk that has a row in the index there is never anything but a whole chunk. What a
 * crash leaves in `incoming` is removed at the next start. A bad copy goes to `quarantine/<id>` (`<id>.1`, `.2` … if there is one already), where
 * only people look; for a copy that is gone an empty file stands there. So after a restart, too, the names there tell what is to be
 * replaced: what has no file under its name.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checksumOf, type StreamingChecksum, streamingChecksum } from "../base/checksum.ts";
import { QdfsError } from "../base/errors.ts";
import type { ChunkFiles, ChunkId } from "../ports.ts";
import { DirectorySync, syncDirectoryNow } from "./directory-sync.ts";
import { fileFailure, systemCode } from "./file-failure.ts";
import { NewFile } from "./new-file.ts";

const CHUNK_ID = /^[0-9a-f]{16}-(0|[1-9]\d{0,8})$/;

/** @throws QdfsError BAD_REQUEST: the name is no chunk's, and must not become a file's */
export function checkChunkId(chunk: string): ChunkId {
  if (!CHUNK_ID.test(chunk)) throw new QdfsError("BAD_REQUEST", `${JSON.stringify(chunk.slice(0, 80))} is no chunk id`);
  return chunk;
}

export class DiskChunkFiles implements ChunkFiles {
  readonly #chunks: string;
  readonly #incoming: string;
  readonly #quarantine: string;
  readonly #directories = new DirectorySync();
  #serial = 0;

  /**
   * Takes `chunks/` and `quarantine/` of a data directory into use.
   * @throws QdfsError DATA_DIR_UNUSABLE, STORAGE_FULL
   */
  static open(dataDir: string): DiskChunkFiles {
    try {
      return new DiskChunkFiles(dataDir);
    } catch (error) {
      throw fileFailure(error, dataDir);
    }
  }

  private constructor(dataDir: string) {
    this.#chunks = join(dataDir, "chunks");
    this.#incoming = join(this.#chunks, "incoming");
    this.#quarantine = join(dataDir, "quarantine");
    rmSync(this.#incoming, { recursive: true, force: true });
    for (const path of [this.#chunks, this.#incoming, this.#quarantine]) mkdirSync(path, { recursive: true });
    const there = new Set(readdirSync(this.#chunks));
    for (let prefix = 0; prefix < 256; prefix += 1) {
      const name = prefix.toString(16).padStart(2, "0");
      if (!there.has(name)) mkdirSync(join(this.#chunks, name));
    }
    for (const path of [this.#chunks, dataDir]) syncDirectoryNow(path);
  }

  async write(
    chunk: ChunkId,
    body: AsyncIterable<Uint8Array>,
    checksum: string,
    sizeBytesMax: number,
    indexed: boolean,
  ): Promise<{ sizeBytes: number }> {
    const path = this.#pathOf(chunk);
    this.#serial += 1;
    const incoming = join(this.#incoming, `${chunk}.${this.#serial}`);
    try {
      const file = await NewFile.create(incoming);
      try {
        const sizeBytes = await receive(file, body, checksum, sizeBytesMax);
        await this.#publish(file, incoming, path, indexed);
        return { sizeBytes };
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(incoming, { force: true });
      throw fileFailure(error, path);
    }
  }

  async read(chunk: ChunkId): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(chunk);
    try {
      return await readFile(path);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      if (systemCode(error) === "EIO") throw new QdfsError("CORRUPT", `the disk cannot read ${path}`, { path });
      throw fileFailure(error, path);
    }
  }

  blob(chunk: ChunkId): Blob | undefined {
    const path = this.#pathOf(chunk);
    return existsSync(path) ? Bun.file(path) : undefined;
  }

  async quarantine(chunk: ChunkId): Promise<void> {
    let name = chunk;
    for (let copy = 1; existsSync(join(this.#quarantine, name)); copy += 1) name = `${chunk}.${copy}`;
    const path = this.#pathOf(chunk);
    try {
      await rename(path, join(this.#quarantine, name));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw fileFailure(error, path);
      if (name === chunk) await writeFile(join(this.#quarantine, name), "");
    }
  }

  quarantined(): readonly ChunkId[] {
    const chunks = readdirSync(this.#quarantine).map((name) => name.replace(/\.\d+$/, ""));
    return [...new Set(chunks)].filter((chunk) => CHUNK_ID.test(chunk));
  }

  async remove(chunk: ChunkId): Promise<void> {
    await this.#unlessMissing(chunk, (path) => rm(path));
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#chunks);
    return bavail * bsize;
  }

  #pathOf(chunk: ChunkId): string {
    return join(this.#directoryOf(chunk), chunk);
  }

  #directoryOf(chunk: ChunkId): string {
    return join(this.#chunks, checkChunkId(chunk).slice(0, 2));
  }

  /**
   * Where no row tells of the name yet, the name comes before the flush: one commit of the file system's journal then takes bytes and name,
   * where the rename of a flushed file costs a second one. Where one does, it would speak of unflushed bytes after a crash: they are flushed
   * first. An earlier copy under the name stays if making the new one durable fails: chunks are immutable, so it is as good.
   */
  async #publish(file: NewFile, incoming: string, path: string, indexed: boolean): Promise<void> {
    const replaces = existsSync(path);
    const flushesFirst = indexed || replaces;
    if (flushesFirst) await file.flush();
    await rename(incoming, path);
    try {
      if (!flushesFirst) await file.flush();
      await this.#directories.durable(join(path, ".."));
    } catch (error) {
      if (!replaces) await rm(path, { force: true });
      throw error;
    }
  }

  async #unlessMissing(chunk: ChunkId, act: (path: string) => Promise<void>): Promise<void> {
    const path = this.#pathOf(chunk);
    try {
      await act(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw fileFailure(error, path);
    }
  }
}

/** Streams a body into a file and checks it. */
async function receive(file: NewFile, body: AsyncIterable<Uint8Array>, checksum: string, sizeBytesMax: number): Promise<number> {
  const hash = new PiecesChecksum();
  for await (const piece of body) {
    if (file.sizeBytes + piece.length > sizeBytesMax) {
      throw new QdfsError("BAD_REQUEST", `a chunk has at most ${sizeBytesMax} bytes`);
    }
    await hash.update(piece);
    await file.append(piece);
  }
  const found = hash.digest();
  if (found !== checksum)
    throw new QdfsError("CORRUPT", `the chunk came damaged: ${found}, sent as ${checksum}`, { found, checksum });
  return file.sizeBytes;
}

/** Of bytes in pieces that stay as they are; a body that came whole, as most do, is hashed at once, which is far cheaper. */
class PiecesChecksum {
  #whole: Uint8Array = new Uint8Array(0);
  #streaming: StreamingChecksum | undefined;

  async update(piece: Uint8Array): Promise<void> {
    if (this.#streaming === undefined) {
      if (this.#whole.length === 0) {
        this.#whole = piece;
        return;
      }
      this.#streaming = await streamingChecksum();
      this.#streaming.update(this.#whole);
    }
    this.#streaming.update(piece);
  }

  digest(): string {
    return this.#streaming?.digest() ?? checksumOf(this.#whole);
  }
}
