/** Chunk transfers that keep the process small (base/collector.ts). */
import { Collector } from "../base/collector.ts";
import type { Path } from "../base/ids.ts";
import type { BulkClient, ChunkId, ChunkRequest, Clock, Receipt } from "../ports.ts";

export class FrugalBulkClient implements BulkClient {
  readonly #bulk: BulkClient;
  readonly #collector: Collector;

  /** `collect`: a full collection of garbage, done when it returns. */
  constructor(bulk: BulkClient, clock: Clock, collect: () => void) {
    this.#bulk = bulk;
    this.#collector = new Collector(clock, collect);
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
    this.#collector.moved(bytes.length);
    return receipt;
  }

  async getChunk(http: string, chunk: ChunkId, request?: ChunkRequest): Promise<Uint8Array> {
    const bytes = await this.#bulk.getChunk(http, chunk, request);
    if (request?.room === undefined) this.#collector.moved(bytes.length);
    return bytes;
  }

  reportChunk(http: string, chunk: ChunkId): Promise<void> {
    return this.#bulk.reportChunk(http, chunk);
  }

  close(): void {
    this.#bulk.close();
  }
}
