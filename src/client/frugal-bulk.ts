/**
 * Chunk transfers that keep the process small. Every chunk read is a new buffer of megabytes; the engine lets more than a
 * hundred of them go stale before it looks (measured: 230 MiB resident for a stream that needs 20). So it is told to look
 * after every COLLECT_EVERY_BYTES, unless the heap is so large that looking would take more than a quarter of the time.
 */
import type { Path } from "../base/ids.ts";
import { COLLECT_EVERY_BYTES } from "../limits.ts";
import type { BulkClient, ChunkId, Clock, Receipt } from "../ports.ts";

/** Time between two collections, at least: this many times as long as the last one took. */
const PAUSE_FACTOR = 3;

export class FrugalBulkClient implements BulkClient {
  readonly #bulk: BulkClient;
  readonly #clock: Clock;
  readonly #collect: () => void;
  #bytes = 0;
  #notBeforeMs = 0;

  /** `collect`: a full collection of garbage, done when it returns. */
  constructor(bulk: BulkClient, clock: Clock, collect: () => void) {
    this.#bulk = bulk;
    this.#clock = clock;
    this.#collect = collect;
  }

  async putChunk(
    http: string,
    chunk: ChunkId,
    owner: Path,
    bytes: Uint8Array,
    checksum: string,
    signal?: AbortSignal,
  ): Promise<Receipt> {
    const receipt = await this.#bulk.putChunk(http, chunk, owner, bytes, checksum, signal);
    this.#moved(bytes.length);
    return receipt;
  }

  async getChunk(
    http: string,
    chunk: ChunkId,
    range?: { start: number; end: number },
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const bytes = await this.#bulk.getChunk(http, chunk, range, signal);
    this.#moved(bytes.length);
    return bytes;
  }

  reportChunk(http: string, chunk: ChunkId): Promise<void> {
    return this.#bulk.reportChunk(http, chunk);
  }

  close(): void {
    this.#bulk.close();
  }

  #moved(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#bytes < COLLECT_EVERY_BYTES) return;
    const startMs = this.#clock.monotonicMs();
    if (startMs < this.#notBeforeMs) return;
    this.#bytes = 0;
    this.#collect();
    const endMs = this.#clock.monotonicMs();
    this.#notBeforeMs = endMs + PAUSE_FACTOR * (endMs - startMs);
  }
}
