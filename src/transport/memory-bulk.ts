/** The bulk plane over a MemoryNetwork. Bytes are copied on the way, as a socket would. */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { CHUNK_STALL_MS } from "../limits.ts";
import type { BulkClient, BulkHandler, ChunkId, ChunkRequest, Receipt, Runtime } from "../ports.ts";
import { exchange } from "./memory-exchange.ts";
import type { MemoryNetwork } from "./memory-network.ts";

export class MemoryBulkClient implements BulkClient {
  readonly #network: MemoryNetwork;
  readonly #from: string;
  readonly #runtime: Runtime;

  /** `from`: the place that this process is at, for the network's links. */
  constructor(network: MemoryNetwork, from: string, runtime: Runtime) {
    this.#network = network;
    this.#from = from;
    this.#runtime = runtime;
  }

  putChunk(http: string, chunk: ChunkId, owner: Path, bytes: Uint8Array, checksum: string): Promise<Receipt> {
    const copy = new Uint8Array(bytes);
    return this.#ask(http, (handler) => handler.putChunk(chunk, owner, once(copy), checksum));
  }

  getChunk(http: string, chunk: ChunkId, { range, room }: ChunkRequest = {}): Promise<Uint8Array> {
    return this.#ask(http, async (handler) => {
      const opened = await handler.openChunk(chunk);
      if (opened === undefined) throw new QdfsError("NOT_FOUND", `no chunk ${chunk} here`);
      const { blob, sizeBytes } = opened;
      if (range !== undefined && range.start >= sizeBytes) throw new QdfsError("BAD_REQUEST", `the chunk has ${sizeBytes} bytes`);
      const part = range === undefined ? blob : blob.slice(range.start, range.end + 1);
      const bytes = new Uint8Array(await part.arrayBuffer());
      const target = room?.(bytes.length) ?? bytes;
      if (target !== bytes) target.set(bytes);
      return target;
    });
  }

  async reportChunk(http: string, chunk: ChunkId): Promise<void> {
    try {
      await this.#ask(http, (handler) => handler.reportChunk(chunk));
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      this.#runtime.log.debug("a bad copy could not be reported", { http, chunk, error });
    }
  }

  close(): void {}

  #ask<T>(http: string, run: (handler: BulkHandler) => Promise<T>): Promise<T> {
    return exchange(this.#network, this.#runtime, {
      from: this.#from,
      to: http,
      limitMs: CHUNK_STALL_MS,
      service: (services) => services.bulk,
      run,
      failure: (why, sent) => new QdfsError(sent ? "NODE_SILENT" : "NODE_UNREACHABLE", why, { http }),
    });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
