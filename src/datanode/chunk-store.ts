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
import type { Confirm } from "../wire/messages.ts";
import type { Alarms } from "./alarms.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";
import type { Leftovers } from "./turn.ts";

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
  /** Chunks that are being dropped: their files go after their rows, and a copy that comes meanwhile waits for that. */
  readonly #leaving = new Map<ChunkId, Promise<void>>();
  /** Chunks of which the copy here is known to be bad or gone: held by nobody's count until it is replaced. */
  readonly #bad = new Map<ChunkId, ChunkRow>();
  /** Chunks marked for deletion (P22): confirmed to nobody. */
  readonly #doomed: Set<ChunkId>;
  readonly #onArrival: (chunk: ChunkId) => void;
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
    /** A chunk is put here. */
    onArrival?: (chunk: ChunkId) => void;
  }) {
    this.#doomed = new Set(parts.store.doomed());
    this.#onArrival = parts.onArrival ?? (() => undefined);
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
    this.#onArrival(chunk);
    await this.#stays(chunk);
    const held = this.#held(chunk);
    if (held !== undefined) {
      for await (const _ of body); // let the sender finish
      await this.#stays(chunk);
      if (this.#held(chunk) === undefined) throw new QdfsError("CHUNKS_MISSING", `chunk ${chunk} was collected meanwhile`);
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

  /**
   * Which of the upload's chunks this node does not hold durably for that owner. `configurations`: by index, the number of the
   * configuration of the chunk's partition that the asker goes by. It must be the adopted one: a copy that counts in an older one would be
   * missed by the scan of those that count in the newer (P16).
   * @throws QdfsError CONFIGURATION_STALE
   */
  missing({ path, upload, indexes, configurations }: Confirm): number[] {
    const map = this.#maps.map;
    return indexes.filter((index, at) => {
      const chunk = `${upload}-${index}`;
      this.#maps.checkPartition(chunkPartitionOf(map, chunk), configurations[at] ?? 0);
      return this.#doomed.has(chunk) || this.#held(chunk)?.owner !== path;
    });
  }

  isDoomed(chunk: ChunkId): boolean {
    return this.#doomed.has(chunk);
  }

  /** Chunks marked for deletion, and their bytes. */
  get doomed(): { readonly chunks: number; readonly sizeBytes: number } {
    let sizeBytes = 0;
    for (const chunk of this.#doomed) sizeBytes += this.#store.chunk(chunk)?.sizeBytes ?? 0;
    return { chunks: this.#doomed.size, sizeBytes };
  }

  /** Marks chunks for deletion (P22): from now on they are confirmed to nobody, durably when it resolves. */
  async doom(chunks: readonly ChunkId[]): Promise<void> {
    for (const chunk of chunks) this.#doomed.add(chunk);
    await this.#replica.write({ doomed: chunks });
  }

  /** Takes marks back, durably. What is being deleted already is not spared. */
  async spare(chunks: readonly ChunkId[]): Promise<void> {
    const spared = chunks.filter((chunk) => this.#doomed.delete(chunk));
    if (spared.length > 0) await this.#replica.write({ spared });
  }

  /** Deletes those that are still doomed when its turn has come; returns them. The owner's head was settled after they were doomed. */
  async dropDoomed(chunks: readonly ChunkId[]): Promise<readonly ChunkId[]> {
    let gone: readonly ChunkId[] = [];
    const leftovers = (): Leftovers => {
      gone = chunks.filter((chunk) => this.#doomed.has(chunk));
      return { paths: [], chunks: gone };
    };
    await this.drop(chunks, () => this.#replica.drop(leftovers));
    for (const chunk of gone) this.#doomed.delete(chunk);
    return gone;
  }

  /** A chunk that is put, or asked for by a coordinator, is wanted: when it is not being deleted already, it stays. */
  async #stays(chunk: ChunkId): Promise<void> {
    await this.#leaving.get(chunk);
    await this.spare([chunk]);
  }

  /** Drops chunks along with `commit`, which takes their rows; the files go afterwards. */
  async drop(chunks: readonly ChunkId[], commit: () => Promise<void>): Promise<void> {
    const dropped = commit().then(() => this.#removeFiles(chunks));
    const quietly = dropped.catch(() => undefined);
    for (const chunk of chunks) this.#leaving.set(chunk, quietly);
    try {
      await dropped;
    } finally {
      for (const chunk of chunks) this.#leaving.delete(chunk);
    }
  }

  /** A file that stays behind takes room, and nothing else. */
  async #removeFiles(chunks: readonly ChunkId[]): Promise<void> {
    for (const chunk of chunks) {
      if (this.#store.chunk(chunk) !== undefined || this.#arriving.has(chunk)) continue; // it stays, or comes again
      this.#bad.delete(chunk);
      await this.#files.remove(chunk).catch((error) => {
        this.#runtime.log.warn("a dropped chunk's file stays behind", { chunk, why: messageOf(error) });
      });
    }
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
      if (typeof bytes === "string") return false;
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

  /** A copy with the right checksum from some other replica of the chunk's partition; `lost`: all answered, and none has one. */
  async #fetchFromPeers(chunk: ChunkId, checksum: string): Promise<Uint8Array | "lost" | "unknown"> {
    const map = this.#maps.map;
    const others = replicasOf(configurationOf(map, chunkPartitionOf(map, chunk))).filter(
      (node: NodeNumber) => node !== this.#maps.self,
    );
    let answers = 0;
    for (const node of others) {
      try {
        const bytes = await this.#bulk.getChunk(nodeOf(map, node).http, chunk);
        if (checksumOf(bytes) === checksum) return bytes;
        answers += 1;
      } catch (error) {
        const code = codeOf(error);
        if (code === undefined) throw error;
        if (code === "NOT_FOUND" || code === "CORRUPT") answers += 1;
      }
    }
    return answers === others.length ? "lost" : "unknown";
  }

  /**
   * Takes over a chunk that this node should hold but does not, if some other replica has an intact copy. `lost`: none has, and all said
   * so; `missing`: it may come later.
   */
  async take(
    chunk: ChunkId,
    owner: Path,
    checksum: string,
  ): Promise<"held" | { readonly sizeBytes: number } | "missing" | "lost"> {
    await this.#stays(chunk);
    if (this.#held(chunk) !== undefined) return "held";
    const bytes = await this.#fetchFromPeers(chunk, checksum);
    if (bytes === "unknown") return "missing";
    if (bytes === "lost") return "lost";
    await this.putChunk(chunk, owner, once(bytes), checksum);
    return { sizeBytes: bytes.length };
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
