/**
 * The bytes of a version that is in chunks, in order: a few chunks are fetched ahead, each verified against the checksum that
 * the head holds before any of it is passed on (I10). A copy that is missing, slow or corrupt costs a request to the next
 * replica; the store that served it is told.
 */
import { CHECKSUM_BYTES, xxh3 } from "../base/checksum.ts";
import { assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import {
  CHUNK_HEDGE_MS,
  CHUNKS_IN_FLIGHT,
  RETRY_BASE_MS,
  RETRY_MAX_MS,
  TRANSFER_BUFFER_BYTES_MAX,
  UNAVAILABLE_PATIENCE_MS,
} from "../limits.ts";
import type { ChunkId, Runtime } from "../ports.ts";
import type { ChunkList, Version } from "../wire/messages.ts";
import type { ChunkStores } from "./chunk-stores.ts";
import { backoffMs, Inbox, sleep } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";
import { Rooms } from "./rooms.ts";
import type { Suspicions } from "./suspicions.ts";

export interface DownloadPorts {
  readonly stores: ChunkStores;
  readonly holder: MapHolder;
  readonly runtime: Runtime;
  readonly suspicions: Suspicions;
}

/** Bytes start … end, inclusive, both inside the content. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

interface ChunkToGet {
  readonly chunk: ChunkId;
  readonly sizeBytes: number;
  readonly hash: bigint;
  readonly owner: Path;
  /** Begins the message of a failure: `chunk 3 of /big`. */
  readonly what: string;
}

export interface DownloadOptions {
  readonly range?: ByteRange;
  /** What was yielded is overwritten once the next piece is asked for. */
  readonly passing?: boolean;
}

/**
 * The verified content, or a range of it; only the chunks that it touches are fetched. The checksum of the whole is not computed
 * again: every byte has the one of its chunk, which the head holds by position beside that of the whole, and the writer took both from
 * the same bytes.
 * @throws QdfsError CORRUPT: no replica has a valid copy; QUORUM_UNAVAILABLE: none could be reached
 */
export async function* download(
  ports: DownloadPorts,
  path: Path,
  version: Version,
  { range, passing = false }: DownloadOptions,
): AsyncGenerator<Uint8Array, undefined> {
  const { chunks, sizeBytes } = version;
  assert(chunks !== null, "what is downloaded is in chunks");
  const { chunkSizeBytes } = chunks;
  const start = range?.start ?? 0;
  const end = range?.end ?? sizeBytes - 1;
  const last = Math.floor(end / chunkSizeBytes);
  const ahead = Math.max(1, Math.min(CHUNKS_IN_FLIGHT, Math.floor(TRANSFER_BUFFER_BYTES_MAX / chunkSizeBytes)));
  const rooms = passing ? new Rooms(Math.min(chunkSizeBytes, sizeBytes)) : undefined;
  const abort = new AbortController();
  const fetching: Promise<Uint8Array>[] = [];
  let next = Math.floor(start / chunkSizeBytes);
  let position = next * chunkSizeBytes;
  try {
    while (next <= last || fetching.length > 0) {
      for (; next <= last && fetching.length < ahead; next += 1) {
        const fetch = getChunk(ports, chunkAt(path, version, chunks, next), abort.signal, rooms);
        // It may fail while an earlier chunk is awaited: it is told in its turn.
        fetch.catch(() => {});
        fetching.push(fetch);
      }
      const bytes = await fetching[0];
      void fetching.shift();
      if (bytes === undefined) break;
      yield bytes.subarray(Math.max(0, start - position), Math.min(bytes.length, end + 1 - position));
      position += bytes.length;
      rooms?.give(bytes);
    }
  } finally {
    abort.abort();
  }
}

function chunkAt(path: Path, version: Version, chunks: ChunkList, index: number): ChunkToGet {
  const { upload, chunkSizeBytes, checksums } = chunks;
  const view = new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength);
  const sizeBytes = Math.min(chunkSizeBytes, version.sizeBytes - index * chunkSizeBytes);
  assert(sizeBytes > 0 && (index + 1) * CHECKSUM_BYTES <= checksums.length, "a head names every chunk of its content");
  return {
    chunk: `${upload}-${index}`,
    sizeBytes,
    hash: view.getBigUint64(index * CHECKSUM_BYTES),
    owner: path,
    what: `chunk ${index} of ${path}`,
  };
}

/** One valid copy, whoever has it. Stores that cannot be reached are tried again, within our patience. */
async function getChunk(
  ports: DownloadPorts,
  wanted: ChunkToGet,
  signal: AbortSignal,
  rooms: Rooms | undefined,
): Promise<Uint8Array> {
  const { holder, runtime } = ports;
  const startedMs = runtime.clock.monotonicMs();
  for (let tries = 0; ; tries += 1) {
    const configuration = await holder.configurationOfChunk(wanted.chunk);
    const getting = new ChunkGet(ports, wanted, replicasOf(configuration), signal, rooms);
    const bytes = await getting.run();
    if (bytes !== undefined) return bytes;
    if (getting.hopeless && !signal.aborted) {
      // Its partition may have moved on to others since our map was drawn.
      await holder.refresh();
      if ((await holder.configurationOfChunk(wanted.chunk)).number !== configuration.number) continue;
    }
    const late = runtime.clock.monotonicMs() - startedMs >= UNAVAILABLE_PATIENCE_MS;
    if (late || signal.aborted) throw getting.failure();
    if (getting.hopeless) {
      // Chunks are asked for without a configuration's number: perhaps it has moved to others, of which this client is yet to hear.
      await holder.refresh();
      if ((await holder.configurationOfChunk(wanted.chunk)).number === configuration.number) throw getting.failure();
      continue;
    }
    await sleep(runtime.timers, backoffMs(runtime.random, RETRY_BASE_MS, tries, RETRY_MAX_MS));
    await holder.refresh();
  }
}

type Event = { readonly node: NodeNumber } & ({ readonly bytes: Uint8Array } | { readonly error: unknown });

/** One round over a chunk's replicas. */
class ChunkGet {
  readonly #ports: DownloadPorts;
  readonly #wanted: ChunkToGet;
  readonly #order: readonly NodeNumber[];
  readonly #inbox: Inbox<Event>;
  readonly #rooms: Rooms | undefined;
  readonly #causes = new Map<NodeNumber, unknown>();
  readonly #abort = new AbortController();
  #next = 0;

  constructor(
    ports: DownloadPorts,
    wanted: ChunkToGet,
    replicas: readonly NodeNumber[],
    signal: AbortSignal,
    rooms: Rooms | undefined,
  ) {
    this.#rooms = rooms;
    this.#ports = ports;
    this.#wanted = wanted;
    this.#order = ports.stores.readOrder(replicas, ports.runtime.random);
    this.#inbox = new Inbox(ports.runtime.timers);
    if (signal.aborted) this.#abort.abort();
    else signal.addEventListener("abort", () => this.#abort.abort(), { once: true, signal: this.#abort.signal });
  }

  /** A valid copy; undefined when no replica gave one. */
  async run(): Promise<Uint8Array | undefined> {
    try {
      this.#askNext();
      while (this.#causes.size < this.#order.length) {
        const event = await this.#inbox.next(this.#hedgeMs());
        if (event === undefined) this.#askNext();
        else if ("bytes" in event && this.#isValid(event.node, event.bytes)) return event.bytes;
        else if ("error" in event) this.#failed(event.node, event.error);
      }
      return undefined;
    } finally {
      this.#abort.abort();
    }
  }

  /** Every replica says that it has no valid copy: asking again would not help. */
  get hopeless(): boolean {
    return this.#causes.size === this.#order.length && [...this.#causes.values()].every(saysItHasNone);
  }

  failure(): QdfsError {
    const causes = this.#order.map((node) => {
      const cause = this.#causes.get(node);
      return `${nodeName(node)}: ${cause === undefined ? "no answer yet" : messageOf(cause)}`;
    });
    const code = this.hopeless ? "CORRUPT" : "QUORUM_UNAVAILABLE";
    const message = `${this.#wanted.what} needs 1 valid copy of ${this.#order.length}, got 0 (${causes.join("; ")})`;
    return new QdfsError(code, message, { chunk: this.#wanted.chunk, causes });
  }

  #hedgeMs(): number {
    const latest = this.#order[this.#next - 1];
    return Math.max(CHUNK_HEDGE_MS, latest === undefined ? 0 : 4 * this.#ports.stores.readMs(latest));
  }

  #askNext(): void {
    const node = this.#order[this.#next];
    if (node === undefined) return;
    this.#next += 1;
    const rooms = this.#rooms;
    const room = rooms === undefined ? undefined : (sizeBytes: number) => rooms.take(sizeBytes);
    this.#ports.stores.get(node, this.#wanted.chunk, this.#abort.signal, room).then(
      (bytes) => this.#inbox.push({ node, bytes }),
      (error: unknown) => this.#inbox.push({ node, error }),
    );
  }

  #isValid(node: NodeNumber, bytes: Uint8Array): boolean {
    const { sizeBytes, hash } = this.#wanted;
    if (bytes.length === sizeBytes && xxh3(bytes) === hash) return true;
    const what =
      bytes.length === sizeBytes ? "its bytes do not have their checksum" : `it sent ${bytes.length} of ${sizeBytes} bytes`;
    this.#failed(node, new QdfsError("CORRUPT", what));
    return false;
  }

  #failed(node: NodeNumber, error: unknown): void {
    if (codeOf(error) === undefined) throw error;
    this.#causes.set(node, error);
    if (saysItHasNone(error)) this.#tell(node, error);
    this.#askNext();
  }

  /** The store looks at its copy; one that knows of no such chunk learns from the file's head that it lacks it. */
  #tell(node: NodeNumber, error: unknown): void {
    const { stores, suspicions } = this.#ports;
    stores.report(node, this.#wanted.chunk);
    if (codeOf(error) === "NOT_FOUND") suspicions.bad(node, this.#wanted.owner);
  }
}

function saysItHasNone(error: unknown): boolean {
  const code = codeOf(error);
  return code === "CORRUPT" || code === "NOT_FOUND";
}
