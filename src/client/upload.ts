/**
 * The bytes of a put. Small content stays inline; larger is cut into chunks, each durable at W before the head that names
 * them may be proposed (I6). Memory is a fixed set of buffers, whatever the size: a buffer is filled, sent to all replicas of
 * its chunk, and used again when every copy has ended.
 */
import { CHECKSUM_BYTES, checksumOf, formatChecksum, streamingChecksum, xxh3 } from "../base/checksum.ts";
import { assert, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { CHUNK_BYTES_MAX, CHUNK_STRAGGLE_MS, CHUNKS_IN_FLIGHT, CHUNKS_MAX, TRANSFER_BUFFER_BYTES_MAX } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { ChunkList } from "../wire/messages.ts";
import { ChunkPut } from "./chunk-put.ts";
import type { ChunkStores } from "./chunk-stores.ts";
import { Inbox } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";
import { PieceReader } from "./pieces.ts";
import type { Content } from "./types.ts";

export interface UploadPorts {
  readonly stores: ChunkStores;
  readonly holder: MapHolder;
  readonly runtime: Runtime;
}

export interface UploadRequest {
  readonly path: Path;
  readonly content: Content;
  readonly sizeHintBytes: number;
  /** Ends the upload with INTERRUPTED, or with the error given as its reason. */
  readonly signal?: AbortSignal;
  /** Called with the bytes durable so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Called once, before the first chunk is sent; its rejection ends the upload. */
  beforeChunks(): Promise<void>;
}

export interface Uploaded {
  readonly sizeBytes: number;
  readonly checksum: string;
  /** Empty when the content is in chunks. */
  readonly inline: Uint8Array;
  readonly chunks: ChunkList | null;
}

const NO_BYTES = new Uint8Array(0);

/** @throws QdfsError QUORUM_UNAVAILABLE, STORAGE_FULL, INTERRUPTED, BAD_USAGE (too large), and whatever the content throws */
export async function upload(ports: UploadPorts, request: UploadRequest): Promise<Uploaded> {
  const { content } = request;
  const { inlineLimitBytes, chunkSizeBytes } = ports.holder.map.policy;
  if (content instanceof Uint8Array && content.length <= inlineLimitBytes) return inlined(content);
  const reader = new PieceReader(content);
  try {
    const beginning = new Uint8Array(inlineLimitBytes + 1);
    const filled = await reader.fill(beginning, 0);
    if (filled <= inlineLimitBytes) return inlined(beginning.subarray(0, filled));
    assert(chunkSizeBytes > inlineLimitBytes, "a chunk is larger than any inline content");
    await request.beforeChunks();
    const sizeHintBytes = content instanceof Uint8Array ? content.length : request.sizeHintBytes;
    return await new Uploading(ports, request, chunkSizeFor(sizeHintBytes, chunkSizeBytes)).run(beginning, reader);
  } finally {
    await reader.close();
  }
}

function inlined(inline: Uint8Array): Uploaded {
  return { sizeBytes: inline.length, checksum: checksumOf(inline), inline, chunks: null };
}

/** The policy's chunk size, doubled until `sizeBytes` need no more than CHUNKS_MAX. */
export function chunkSizeFor(sizeBytes: number, policyBytes: number): number {
  let chunkSizeBytes = policyBytes;
  while (chunkSizeBytes * CHUNKS_MAX < sizeBytes && chunkSizeBytes < CHUNK_BYTES_MAX) chunkSizeBytes *= 2;
  return chunkSizeBytes;
}

type Event =
  | { readonly kind: "ended"; readonly put: ChunkPut; readonly buffer: Uint8Array | undefined }
  | { readonly kind: "failed" };

class Uploading {
  readonly #ports: UploadPorts;
  readonly #request: UploadRequest;
  readonly #chunkSizeBytes: number;
  readonly #upload: string;
  readonly #inbox: Inbox<Event>;
  /** Chunks with copies under way, oldest first. */
  readonly #puts = new Set<ChunkPut>();
  readonly #durable: Promise<void>[] = [];
  readonly #free: Uint8Array[] = [];
  readonly #checksums: bigint[] = [];
  #buffers: number;
  #durableBytes = 0;
  #failure: unknown;
  /** Rejects with the first failure: a stream that stands still must not keep it from being told. */
  readonly #failed: Promise<never>;
  #rejectFailed: (error: unknown) => void = () => {};

  constructor(ports: UploadPorts, request: UploadRequest, chunkSizeBytes: number) {
    this.#ports = ports;
    this.#request = request;
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#upload = ports.runtime.random.hex(16);
    this.#inbox = new Inbox(ports.runtime.timers);
    this.#buffers = Math.max(2, Math.min(CHUNKS_IN_FLIGHT + 1, Math.floor(TRANSFER_BUFFER_BYTES_MAX / chunkSizeBytes)));
    this.#failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    this.#failed.catch(() => {});
  }

  async run(beginning: Uint8Array, reader: PieceReader): Promise<Uploaded> {
    const { signal } = this.#request;
    const onAbort = () =>
      this.#fail(signal?.reason instanceof QdfsError ? signal.reason : new QdfsError("INTERRUPTED", "interrupted"));
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    try {
      const { sizeBytes, checksum } = await this.#sendAll(beginning, reader);
      await Promise.all(this.#durable);
      const { length } = this.#checksums;
      const checksums = new Uint8Array(length * CHECKSUM_BYTES);
      const view = new DataView(checksums.buffer);
      for (const [index, hash] of this.#checksums.entries()) view.setBigUint64(index * CHECKSUM_BYTES, hash);
      const chunks = { upload: this.#upload, chunkSizeBytes: this.#chunkSizeBytes, checksums };
      return { sizeBytes, checksum, inline: NO_BYTES, chunks };
    } catch (error) {
      this.#fail(error);
      for (const put of this.#puts) put.abandon();
      throw this.#failure;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #sendAll(beginning: Uint8Array, reader: PieceReader): Promise<{ sizeBytes: number; checksum: string }> {
    const whole = await streamingChecksum();
    let sizeBytes = 0;
    for (let index = 0; ; index += 1) {
      const buffer = await this.#buffer();
      const prefix = index === 0 ? beginning.subarray(0, buffer.length) : NO_BYTES;
      buffer.set(prefix);
      const filled = await Promise.race([reader.fill(buffer, prefix.length), this.#failed]);
      if (filled === 0) break;
      if (index >= CHUNKS_MAX) throw this.#tooLarge();
      const bytes = buffer.subarray(0, filled);
      whole.update(bytes);
      sizeBytes += filled;
      await this.#send(index, bytes, buffer);
      if (filled < buffer.length) break;
    }
    return { sizeBytes, checksum: whole.digest() };
  }

  async #send(index: number, bytes: Uint8Array, buffer: Uint8Array): Promise<void> {
    const { stores, holder, runtime } = this.#ports;
    const { path, onProgress } = this.#request;
    const hash = xxh3(bytes);
    this.#checksums.push(hash);
    const chunk = `${this.#upload}-${index}`;
    const configuration = await holder.configurationOfChunk(chunk);
    const what = `chunk ${index} of ${path}`;
    const put = new ChunkPut(stores, runtime, { chunk, owner: path, bytes, checksum: formatChecksum(hash), configuration, what });
    this.#puts.add(put);
    const durable = put.durable.then(() => {
      this.#durableBytes += bytes.length;
      onProgress?.(this.#durableBytes);
    });
    durable.catch((error: unknown) => this.#fail(error));
    this.#durable.push(durable);
    void put.ended.then((clean) => {
      this.#puts.delete(put);
      this.#inbox.push({ kind: "ended", put, buffer: clean ? buffer : undefined });
    });
  }

  /** A buffer to fill: a new one, one that came back, or one whose last copies have taken too long. */
  async #buffer(): Promise<Uint8Array> {
    for (;;) {
      this.#check();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#buffers > 0) {
        this.#buffers -= 1;
        return new Uint8Array(this.#chunkSizeBytes);
      }
      const event = await this.#inbox.next(CHUNK_STRAGGLE_MS);
      if (event === undefined) this.#abandonStragglers();
      else if (event.kind === "ended") {
        if (event.buffer !== undefined) this.#free.push(event.buffer);
        // A transfer that was given up may still read its buffer: that one is left to the garbage collector.
        else this.#buffers += 1;
      }
    }
  }

  /** Gives up the late copies of chunks that are durable already: repair brings them to the laggard. */
  #abandonStragglers(): void {
    for (const put of this.#puts) if (put.isDurable && put.ageMs >= CHUNK_STRAGGLE_MS) put.abandon();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#rejectFailed(this.#failure);
    this.#inbox.push({ kind: "failed" });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tooLarge(): QdfsError {
    const maxBytes = CHUNKS_MAX * this.#chunkSizeBytes;
    return new QdfsError(
      "BAD_USAGE",
      `${this.#request.path}: more than ${maxBytes} bytes; say the size beforehand (sizeHintBytes)`,
    );
  }
}
