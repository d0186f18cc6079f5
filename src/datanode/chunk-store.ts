/**
 * The chunks of this node: bytes in files, their index rows in the node's database. A chunk counts as held when its row is
 * committed, which is after its bytes and their directory are on disk (I6). A copy that turns out bad is set aside, reported
 * and fetched again from another replica, never served (I10).
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, nodeOf, replicasOf } from "../cluster/map.ts";
import { CHUNK_BYTES_MAX, CHUNK_REPAIR_RETRY_MS } from "../limits.ts";
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
  /** Chunks of which the copy here is known to be bad or gone: held by nobody's count until it is replaced. */
  readonly #bad = new Map<ChunkId, ChunkRow>();
  #repairing: Promise<void> | undefined;
  #stopped = false;

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
    const held = this.#held(chunk);
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
    const receipt = this.#keep(chunk, owner, body, checksum);
    this.#arriving.set(chunk, receipt);
    try {
      return await receipt;
    } finally {
      this.#arriving.delete(chunk);
    }
  }

  async #keep(chunk: ChunkId, owner: Path, body: AsyncIterable<Uint8Array>, checksum: string): Promise<Receipt> {
    const { sizeBytes } = await this.#files.write(chunk, body, checksum, CHUNK_BYTES_MAX);
    const row: ChunkRow = { chunk, owner, sizeBytes, checksum };
    await this.#replica.write({ chunks: [row] });
    this.#bad.delete(chunk);
    return this.#receipt(row);
  }

  async openChunk(chunk: ChunkId): Promise<{ blob: Blob; checksum: string; sizeBytes: number } | undefined> {
    const row = this.#held(chunk);
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
    const row = this.#held(chunk);
    if (row === undefined) return;
    const bytes = await this.#files.read(chunk);
    if (bytes === undefined) await this.#discard(row, "its file is gone");
    else if (checksumOf(bytes) !== row.checksum) await this.#discard(row, "its bytes do not have their checksum");
  }

  /** Which of the upload's chunks this node does not hold durably for that owner. */
  missing(owner: Path, upload: string, indexes: readonly number[]): number[] {
    return indexes.filter((index) => this.#held(`${upload}-${index}`)?.owner !== owner);
  }

  #receipt({ chunk, sizeBytes, checksum }: ChunkRow): Receipt {
    return { chunk, diskId: this.#diskId, sizeBytes, checksum };
  }

  /** The index row of a copy that is here and not known to be bad. */
  #held(chunk: ChunkId): ChunkRow | undefined {
    return this.#bad.has(chunk) ? undefined : this.#store.chunk(chunk);
  }

  /** Sets a bad copy aside. Its row stays until a good one takes its place, so that a restart finds the gap again. */
  async #discard(row: ChunkRow, why: string): Promise<void> {
    if (this.#bad.has(row.chunk)) return;
    this.#bad.set(row.chunk, row);
    this.#alarms.corrupt(row.chunk, row.owner, why);
    await this.#files.quarantine(row.chunk).catch((error) => {
      this.#runtime.log.warn("bad copy not set aside", { chunk: row.chunk, why: messageOf(error) });
    });
    this.#repairing ??= this.#repairAll().finally(() => {
      this.#repairing = undefined;
    });
  }

  /** Until every bad copy is replaced: one at a time, and a pause when no replica could help. */
  async #repairAll(): Promise<void> {
    while (this.#bad.size > 0 && !this.#stopped) {
      let repaired = 0;
      for (const row of [...this.#bad.values()]) if (!this.#stopped && (await this.#repair(row))) repaired += 1;
      if (repaired > 0) continue;
      await new Promise<void>((resolve) => this.#runtime.timers.after(CHUNK_REPAIR_RETRY_MS, resolve));
    }
  }

  async #repair(row: ChunkRow): Promise<boolean> {
    try {
      const bytes = await this.#fetchFromPeers(row.chunk, row.checksum);
      if (bytes === undefined) return false;
      await this.#keep(row.chunk, row.owner, once(bytes), row.checksum);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("chunk not repaired yet", { chunk: row.chunk, why: messageOf(error) });
      return false;
    }
    this.#alarms.repaired(row.chunk);
    return true;
  }

  /** Ends the repairs; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#repairing;
  }

  /** A copy with the right checksum from some other replica of the chunk's partition. */
  async #fetchFromPeers(chunk: ChunkId, checksum: string): Promise<Uint8Array | undefined> {
    const map = this.#maps.map;
    const others = replicasOf(configurationOf(map, chunkPartitionOf(map, chunk))).filter(
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
    if (this.#held(chunk) !== undefined) return true;
    const bytes = await this.#fetchFromPeers(chunk, checksum);
    if (bytes === undefined) return false;
    await this.putChunk(chunk, owner, once(bytes), checksum);
    return true;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
