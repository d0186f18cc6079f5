/**
 * The chunks of this node: bytes in files, their index rows in the node's database. A chunk counts as held when its row is
 * committed, which is after its bytes and their directory are on disk (I6). A copy that turns out bad is set aside, reported
 * and fetched again from another replica, never served (I10).
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, nodeOf, replicasOf } from "../cluster/map.ts";
import { CHUNK_BYTES_MAX, CHUNK_REFETCHES_IN_FLIGHT } from "../limits.ts";
import type { BulkClient, BulkHandler, ChunkFiles, ChunkId, ChunkRow, NodeStore, Receipt, Runtime } from "../ports.ts";
import type { Alarms } from "./alarms.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";

export class ChunkStore implements Omit<BulkHandler, "metrics"> {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #replica: Replica;
  readonly #files: ChunkFiles;
  readonly #bulk: BulkClient;
  readonly #maps: MapKeeper;
  readonly #alarms: Alarms;
  readonly #diskId: string;
  /** Chunks whose bytes are on their way to the disk. */
  readonly #arriving = new Map<ChunkId, Promise<Receipt>>();
  readonly #refetching = new Set<ChunkId>();

  constructor(parts: {
    runtime: Runtime;
    store: NodeStore;
    replica: Replica;
    files: ChunkFiles;
    bulk: BulkClient;
    maps: MapKeeper;
    alarms: Alarms;
    diskId: string;
  }) {
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#replica = parts.replica;
    this.#files = parts.files;
    this.#bulk = parts.bulk;
    this.#maps = parts.maps;
    this.#alarms = parts.alarms;
    this.#diskId = parts.diskId;
  }

  /** Transfers under way. */
  get inFlight(): number {
    return this.#arriving.size;
  }

  /** Durable when it resolves. A chunk is immutable: what is held already is confirmed without being written again. */
  async putChunk(chunk: ChunkId, owner: Path, body: AsyncIterable<Uint8Array>, checksum: string): Promise<Receipt> {
    const held = this.#store.chunk(chunk);
    if (held !== undefined) {
      for await (const _ of body); // let the sender finish
      if (held.checksum === checksum && held.owner === owner) return this.#receipt(held);
      throw new QdfsError("BAD_REQUEST", `chunk ${chunk} exists with other bytes: chunks are never overwritten`);
    }
    const arriving = this.#arriving.get(chunk);
    if (arriving !== undefined) {
      for await (const _ of body);
      return await arriving;
    }
    if (this.#alarms.diskFull) throw new QdfsError("STORAGE_FULL", "no room on this DataNode");
    const receipt = this.#store_(chunk, owner, body, checksum);
    this.#arriving.set(chunk, receipt);
    try {
      return await receipt;
    } finally {
      this.#arriving.delete(chunk);
    }
  }

  async #store_(chunk: ChunkId, owner: Path, body: AsyncIterable<Uint8Array>, checksum: string): Promise<Receipt> {
    const { sizeBytes } = await this.#files.write(chunk, body, checksum, CHUNK_BYTES_MAX);
    const row: ChunkRow = { chunk, owner, sizeBytes, checksum };
    await this.#replica.write({ chunks: [row] });
    return this.#receipt(row);
  }

  async openChunk(chunk: ChunkId): Promise<{ blob: Blob; checksum: string; sizeBytes: number } | undefined> {
    const row = this.#store.chunk(chunk);
    if (row === undefined) return undefined;
    const blob = this.#files.blob(chunk);
    if (blob === undefined || blob.size !== row.sizeBytes) {
      await this.#discard(row, blob === undefined ? "its file is gone" : `its file has ${blob.size} bytes, not ${row.sizeBytes}`);
      return undefined;
    }
    return { blob, checksum: row.checksum, sizeBytes: row.sizeBytes };
  }

  /** A reader says that this copy is wrong: look, and set it aside if it is. */
  async reportChunk(chunk: ChunkId): Promise<void> {
    const row = this.#store.chunk(chunk);
    if (row === undefined) return;
    const bytes = await this.#files.read(chunk);
    if (bytes === undefined) await this.#discard(row, "its file is gone");
    else if (checksumOf(bytes) !== row.checksum) await this.#discard(row, "its bytes do not have their checksum");
  }

  /** Which of the upload's chunks this node does not hold durably for that owner. */
  missing(owner: Path, upload: string, indexes: readonly number[]): number[] {
    return indexes.filter((index) => this.#store.chunk(`${upload}-${index}`)?.owner !== owner);
  }

  #receipt({ chunk, sizeBytes, checksum }: ChunkRow): Receipt {
    return { chunk, diskId: this.#diskId, sizeBytes, checksum };
  }

  async #discard(row: ChunkRow, why: string): Promise<void> {
    if (this.#refetching.has(row.chunk) || this.#store.chunk(row.chunk) === undefined) return;
    this.#refetching.add(row.chunk);
    this.#alarms.corrupt(row.chunk, row.owner, why);
    await this.#files.quarantine(row.chunk);
    await this.#replica.write({ droppedChunks: [row.chunk] });
    void this.#refetch(row)
      .catch((error) => this.#runtime.log.warn("chunk not repaired", { chunk: row.chunk, why: messageOf(error) }))
      .finally(() => this.#refetching.delete(row.chunk));
  }

  /** Fetches a good copy from the next replica that has one. */
  async #refetch(row: ChunkRow): Promise<void> {
    if (this.#refetching.size > CHUNK_REFETCHES_IN_FLIGHT) return; // found again by the next reader, or by the scrub
    const bytes = await this.fetchFromPeers(row.chunk, row.checksum);
    if (bytes === undefined) return;
    const once = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    await this.#store_(row.chunk, row.owner, once(), row.checksum);
    this.#alarms.repaired(row.chunk);
  }

  /** A copy with the right checksum from some other replica of the chunk's partition. */
  async fetchFromPeers(chunk: ChunkId, checksum: string): Promise<Uint8Array | undefined> {
    const map = this.#maps.map;
    const others = replicasOf(configurationOf(map, chunkPartitionOf(chunk))).filter(
      (node: NodeNumber) => node !== this.#maps.self,
    );
    for (const node of others) {
      try {
        const bytes = await this.#bulk.getChunk(nodeOf(map, node).http, chunk);
        if (checksumOf(bytes) === checksum) return bytes;
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
      }
    }
    return undefined;
  }

  /** Takes over a chunk that a learned head names and this node should hold but does not. True when it is held then. */
  async take(chunk: ChunkId, owner: Path, checksum: string): Promise<boolean> {
    if (this.#store.chunk(chunk) !== undefined) return true;
    const bytes = await this.fetchFromPeers(chunk, checksum);
    if (bytes === undefined) return false;
    const once = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    await this.putChunk(chunk, owner, once(), checksum);
    return true;
  }
}
