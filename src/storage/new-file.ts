/**
 * A file that is written once, from its beginning to its end. Large pieces go past the page cache (O_DIRECT) where the file
 * system and the memory that they lie in allow it: a copy there is flushed at once and seldom read soon, costs more of a processor
 * than all else about a chunk, and drives out the pages of the registers.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemCode } from "./file-failure.ts";

/** What is written directly begins and ends at a multiple of it, in the file and in memory: no disk has larger blocks. */
const BLOCK_BYTES = 4096;
/** Less goes through the cache. */
const DIRECT_BYTES_MIN = 2 ** 18;

export class NewFile {
  readonly #path: string;
  readonly #file: FileHandle;
  /** The same file, past the cache. */
  #direct: FileHandle | undefined;
  #sizeBytes = 0;

  /** @throws what `open` throws: EEXIST, ENOSPC … */
  static async create(path: string): Promise<NewFile> {
    return new NewFile(path, await open(path, "wx"));
  }

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** One at a time, and not once the file has another name. @throws what `write` throws: ENOSPC, EIO … */
  async append(piece: Uint8Array): Promise<void> {
    let written = await this.#appendDirectly(piece);
    while (written < piece.length) {
      const { bytesWritten } = await this.#file.write(piece, written, piece.length - written, this.#sizeBytes + written);
      written += bytesWritten;
    }
    this.#sizeBytes += written;
  }

  /** The bytes and what is needed to find them are on stable storage when it resolves; the name is not. */
  async flush(): Promise<void> {
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await Promise.all([this.#file.close(), this.#direct?.close()]);
  }

  /** How many of the piece's bytes, from its first, it took. */
  async #appendDirectly(piece: Uint8Array): Promise<number> {
    const length = wholeBlocks(piece.length);
    if (length < DIRECT_BYTES_MIN || wholeBlocks(piece.byteOffset) !== piece.byteOffset) return 0;
    if (wholeBlocks(this.#sizeBytes) !== this.#sizeBytes) return 0;
    try {
      this.#direct ??= await open(this.#path, constants.O_WRONLY | (constants.O_DIRECT ?? 0));
      const { bytesWritten } = await this.#direct.write(piece, 0, length, this.#sizeBytes);
      return wholeBlocks(bytesWritten);
    } catch (error) {
      if (systemCode(error) === "EINVAL") return 0; // not here, or not from there
      throw error;
    }
  }
}

function wholeBlocks(bytes: number): number {
  return bytes - (bytes % BLOCK_BYTES);
}
