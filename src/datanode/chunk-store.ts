/**
 * The chunks of this node: bytes in files, their index rows in the node's database. A chunk counts as held when its row is
 * committed, which is after its bytes and their directory are on disk (I6). A copy that turns out bad is set aside, reported
 * and fetched again from another replica, never served (I10).
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, nodeOf, replicasOf } from "../cluster/map.ts";
import { CHUNK_BYTES_MAX, CHUNK_MENDS_IN_FLIGHT } from "../limits.ts";
import type { BulkClient, BulkHandler, ChunkFiles, ChunkId, ChunkRow, NodeStore, Receipt, Runtime } from "../ports.ts";
import type { Alarms, Damage } from "./alarms.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { MendQueue } from "./mend-queue.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export interface ChunkStoreParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly replica: Replica;
  readonly files: ChunkFiles;
  readonly bulk: BulkClient;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly alarms: Alarms;
  readonly diskId: string;
  /** Whether a version of the owner that is kept still names the chunk; true when that cannot be said. */
  readonly isNamed: (owner: Path, chunk: ChunkId) => Promise<boolean>;
  readonly onFatal: (error: unknown) => void;
}

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
  readonly #peers: Peers;
  readonly #isNamed: ChunkStoreParts["isNamed"];
  readonly #queue: MendQueue<ChunkId>;

  constructor(parts: ChunkStoreParts) {
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#replica = parts.replica;
    this.#files = parts.files;
    this.#bulk = parts.bulk;
    this.#maps = parts.maps;
    this.#alarms = parts.alarms;
    this.#diskId = parts.diskId;
    this.#peers = parts.peers;
    this.#isNamed = parts.isNamed;
    this.#queue = new MendQueue({
      runtime: parts.runtime,
      run: (chunk, tries) => this.#mend(chunk, tries),
      inFlight: CHUNK_MENDS_IN_FLIGHT,
      onFatal: parts.onFatal,
    });
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
    this.#alarms.mended(damageOf(row));
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
    if (row !== undefined) await this.verify(row);
  }

  /** Takes up what earlier lives set aside and did not replace. */
  start(): void {
    for (const chunk of this.#files.quarantined()) {
      const row = this.#held(chunk);
      if (row !== undefined && this.#files.blob(chunk) === undefined) this.#lack(row, "it was set aside before the last start");
    }
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
    this.#lack(row, why);
    await this.#files.quarantine(row.chunk).catch((error) => {
      this.#runtime.log.warn("bad copy not set aside", { chunk: row.chunk, why: messageOf(error) });
    });
  }

  #lack(row: ChunkRow, why: string): void {
    this.#bad.set(row.chunk, row);
    this.#alarms.damaged({ ...damageOf(row), why });
    this.#queue.add(row.chunk);
  }

  /** One try to replace a bad or missing copy by a peer's. */
  async #mend(chunk: ChunkId, tries: number): Promise<boolean> {
    const row = this.#bad.get(chunk);
    if (row === undefined) return true;
    if (this.#alarms.diskFull) return false;
    try {
      const bytes = await this.#fetchFromPeers(row);
      if (bytes !== undefined) {
        await this.#keep(chunk, row.owner, once(bytes), row.checksum);
        return true;
      }
      if (tries === 0 || (await this.#isNamed(row.owner, chunk))) return false;
      this.#bad.delete(chunk);
      this.#alarms.mended(damageOf(row));
      return true;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("chunk not mended yet", { chunk, why: messageOf(error) });
      return false;
    }
  }

  /** Ends the mending; resolves when none is under way. */
  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  /** A verified copy from some other replica of the chunk's partition, the quickest first. A bad one there is told its owner. */
  async #fetchFromPeers({ chunk, checksum }: ChunkRow): Promise<Uint8Array | undefined> {
    const map = this.#maps.map;
    const others = replicasOf(configurationOf(map, chunkPartitionOf(map, chunk))).filter(
      (node: NodeNumber) => node !== this.#maps.self,
    );
    for (const node of this.#peers.inOrder(others)) {
      const { http } = nodeOf(map, node);
      try {
        const bytes = await this.#bulk.getChunk(http, chunk);
        if (checksumOf(bytes) === checksum) return bytes;
        this.#bulk.reportChunk(http, chunk).catch(() => {});
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
      }
    }
    return undefined;
  }

  /**
   * Takes over a chunk that a learned head names and this node should hold but does not. When no peer can help now it is
   * fetched later.
   */
  async take(wanted: ChunkRow): Promise<void> {
    if (this.#held(wanted.chunk) !== undefined || this.#bad.has(wanted.chunk)) return;
    const bytes = await this.#fetchFromPeers(wanted);
    if (bytes !== undefined) await this.putChunk(wanted.chunk, wanted.owner, once(bytes), wanted.checksum);
    else if (this.#held(wanted.chunk) === undefined && !this.#bad.has(wanted.chunk)) this.#lack(wanted, "no peer had it to give");
  }

  /** True when a copy is here, or on its way, of a chunk that a head names, as far as the index tells. */
  holds({ chunk, checksum, sizeBytes }: ChunkRow): boolean {
    if (this.#arriving.has(chunk)) return true;
    const row = this.#held(chunk);
    return row?.checksum === checksum && row.sizeBytes === sizeBytes;
  }

  /** Looks after a chunk that a head names, its bytes too if `deep`. What is bad or missing is set about to be replaced. */
  async check(wanted: ChunkRow, deep: boolean): Promise<void> {
    const { chunk } = wanted;
    if (this.#arriving.has(chunk) || this.#bad.has(chunk)) return;
    const row = this.#store.chunk(chunk);
    if (row === undefined) this.#lack(wanted, "it is missing");
    else if (!this.holds(wanted)) await this.#reindex(row, wanted);
    else if (deep) await this.verify(row);
  }

  /** Index and head differ: the bytes tell which of them is damaged. */
  async #reindex(row: ChunkRow, wanted: ChunkRow): Promise<void> {
    const found = await this.#checksumOnDisk(row.chunk);
    if (found === wanted.checksum) await this.#replica.write({ chunks: [wanted] });
    else if (found === row.checksum) this.#runtime.log.warn("a head names other bytes than this chunk has", { ...wanted, found });
    else await this.#discard(wanted, "its index row and its bytes are not what the head names");
  }

  /** Reads a copy and sets it aside if it is bad. True: it is good. */
  async verify(row: ChunkRow): Promise<boolean> {
    const found = await this.#checksumOnDisk(row.chunk);
    if (found === row.checksum || this.#store.chunk(row.chunk) === undefined) return true;
    await this.#discard(
      row,
      found === undefined ? "its file is gone" : `what is on the disk is not ${row.checksum} but ${found}`,
    );
    return false;
  }

  /** Undefined: there is no file. Words instead of a checksum: it cannot be read. */
  async #checksumOnDisk(chunk: ChunkId): Promise<string | undefined> {
    try {
      const bytes = await this.#files.read(chunk);
      return bytes && checksumOf(bytes);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return messageOf(error);
    }
  }

  /** Has a bad or missing copy replaced now. True: none of that chunk is bad any more. */
  mendNow(chunk: ChunkId): Promise<boolean> {
    return this.#bad.has(chunk) ? this.#queue.now(chunk) : Promise.resolve(true);
  }

  /** What could not be mended is tried again at once: a peer is back. */
  hurry(): void {
    this.#queue.hurry();
  }

  /** Copies whose first replacement has not been tried. */
  get untried(): number {
    return this.#queue.untried;
  }
}

function damageOf({ chunk, owner }: ChunkRow): Pick<Damage, "what" | "path" | "name"> {
  return { what: "chunk", path: owner, name: chunk };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
