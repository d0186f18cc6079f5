/** Chunk bytes without a disk, for tests and the simulator. */
import { checksumOf } from "../base/checksum.ts";
import { QdfsError } from "../base/errors.ts";
import type { ChunkFiles, ChunkId } from "../ports.ts";
import { checkChunkId } from "./chunk-files.ts";

export class MemoryChunkFiles implements ChunkFiles {
  readonly #chunks = new Map<ChunkId, Uint8Array<ArrayBuffer>>();
  readonly #quarantined = new Map<ChunkId, Uint8Array>();
  /** What fits; more is STORAGE_FULL. */
  bytesMax: number;
  readonly #delay: () => Promise<void>;

  /** `delay`: how long a chunk takes to be durable. */
  constructor(bytesMax = Number.MAX_SAFE_INTEGER, delay: () => Promise<void> = async () => {}) {
    this.bytesMax = bytesMax;
    this.#delay = delay;
  }

  async write(
    chunk: ChunkId,
    body: AsyncIterable<Uint8Array>,
    checksum: string,
    sizeBytesMax: number,
    _indexed: boolean,
  ): Promise<{ sizeBytes: number }> {
    checkChunkId(chunk);
    const pieces: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const piece of body) {
      sizeBytes += piece.length;
      if (sizeBytes > sizeBytesMax) throw new QdfsError("BAD_REQUEST", `a chunk has at most ${sizeBytesMax} bytes`);
      if (sizeBytes > this.freeBytes()) throw new QdfsError("STORAGE_FULL", "the memory store has no room");
      pieces.push(piece);
    }
    const whole = new Uint8Array(Buffer.concat(pieces));
    const found = checksumOf(whole);
    if (found !== checksum)
      throw new QdfsError("CORRUPT", `the chunk came damaged: ${found}, sent as ${checksum}`, { found, checksum });
    await this.#delay();
    this.#chunks.set(chunk, whole);
    return { sizeBytes };
  }

  async read(chunk: ChunkId): Promise<Uint8Array | undefined> {
    return this.#chunks.get(checkChunkId(chunk));
  }

  blob(chunk: ChunkId): Blob | undefined {
    const held = this.#chunks.get(checkChunkId(chunk));
    return held && new Blob([held]);
  }

  async quarantine(chunk: ChunkId): Promise<void> {
    const held = this.#chunks.get(checkChunkId(chunk));
    if (held !== undefined || !this.#quarantined.has(chunk)) this.#quarantined.set(chunk, held ?? new Uint8Array(0));
    this.#chunks.delete(chunk);
  }

  quarantined(): readonly ChunkId[] {
    return [...this.#quarantined.keys()];
  }

  async remove(chunk: ChunkId): Promise<void> {
    this.#chunks.delete(checkChunkId(chunk));
  }

  freeBytes(): number {
    let used = 0;
    for (const held of this.#chunks.values()) used += held.length;
    return this.bytesMax - used;
  }

  /** The bytes under a name, for those who watch. */
  peek(chunk: ChunkId): Uint8Array | undefined {
    return this.#chunks.get(chunk);
  }

  /** What is held, in the order of arrival. */
  names(): readonly ChunkId[] {
    return [...this.#chunks.keys()];
  }

  /** Damages a copy on the spot, as a bad disk does. */
  flipBit(chunk: ChunkId, index: number): void {
    const held = this.#chunks.get(chunk);
    if (held?.[index] !== undefined) held[index] ^= 1;
  }
}
