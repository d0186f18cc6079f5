/**
 * The chunks of this node: bytes in files, their index rows in the node's database. A chunk counts as held when its row is
 * committed, which is after its bytes and their directory are on disk (I6). A copy that turns out bad is set aside, reported
 * and fetched again from another replica, never served (I10).
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, nodeOf, replicasOf } from "../cluster/map.ts";
import { isJoining } from "../cluster/moves.ts";
import { CHUNK_BYTES_MAX, CHUNK_MENDS_IN_FLIGHT } from "../limits.ts";
import type { BulkClient, BulkHandler, ChunkFiles, ChunkId, ChunkRow, NodeStore, Receipt, Runtime } from "../ports.ts";
import type { ChunkAt } from "../wire/change-messages.ts";
import type { Confirm } from "../wire/messages.ts";
import type { Alarms } from "./alarms.ts";
import type { Damage, Damages } from "./damages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { MendQueue } from "./mend-queue.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import type { Leftovers } from "./turn.ts";

export interface ChunkStoreParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly replica: Replica;
  readonly files: ChunkFiles;
  readonly bulk: BulkClient;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly alarms: Alarms;
  readonly damages: Damages;
  readonly diskId: string;
  /** Whether a version of the owner that is kept still names the chunk; true when that cannot be said. */
  readonly isNamed: (owner: Path, chunk: ChunkId) => Promise<boolean>;
  /** A chunk is put here. */
  readonly onArrival: (chunk: ChunkId) => void;
  readonly onFatal: (error: unknown) => void;
}

type TakenOver = "held" | { readonly sizeBytes: number } | "missing" | "lost";

export class ChunkStore implements Omit<BulkHandler, "metrics"> {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #replica: Replica;
  readonly #files: ChunkFiles;
  readonly #bulk: BulkClient;
  readonly #maps: MapKeeper;
  readonly #alarms: Alarms;
  readonly #damages: Damages;
  readonly #diskId: string;
  /** Chunks whose bytes are on their way to the disk. */
  readonly #arriving = new Map<ChunkId, Promise<Receipt>>();
  /** Chunks that are being taken over: who asks again, having lost patience or the answer, waits for the same copy, and looks itself if none is found. */
  readonly #taking = new Map<ChunkId, Promise<TakenOver>>();
  /** Chunks that are being dropped: their files go after their rows, and a copy that comes meanwhile waits for that. */
  readonly #leaving = new Map<ChunkId, Promise<void>>();
  /** Chunks of which the copy here is known to be bad or gone: held by nobody's count until it is replaced. */
  readonly #bad = new Map<ChunkId, ChunkRow>();
  /** Chunks marked for deletion (P22): confirmed to nobody. */
  readonly #doomed: Set<ChunkId>;
  readonly #onArrival: (chunk: ChunkId) => void;
  readonly #peers: Peers;
  readonly #isNamed: ChunkStoreParts["isNamed"];
  readonly #queue: MendQueue<ChunkId>;

  constructor(parts: ChunkStoreParts) {
    this.#doomed = new Set(parts.store.doomed());
    this.#onArrival = parts.onArrival;
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#replica = parts.replica;
    this.#files = parts.files;
    this.#bulk = parts.bulk;
    this.#maps = parts.maps;
    this.#alarms = parts.alarms;
    this.#damages = parts.damages;
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
    const indexed = this.#store.chunk(chunk) !== undefined;
    const { sizeBytes } = await this.#files.write(chunk, body, checksum, CHUNK_BYTES_MAX, indexed);
    const row: ChunkRow = { chunk, owner, sizeBytes, checksum };
    await this.#replica.write({ chunks: [row] });
    this.#bad.delete(chunk);
    this.#damages.mended(damageOf(row));
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

  /** Marks chunks for deletion (P22): from now on they are confirmed to nobody, durably when it resolves, and no loss when they are bad. */
  async doom(chunks: readonly ChunkId[]): Promise<void> {
    for (const chunk of chunks) {
      this.#doomed.add(chunk);
      const bad = this.#bad.get(chunk);
      if (bad !== undefined) this.#giveUp(bad);
    }
    await this.#replica.write({ doomed: chunks });
  }

  /** Takes marks back, durably. What is being deleted already is not spared. */
  async spare(chunks: readonly ChunkId[]): Promise<void> {
    const spared = chunks.filter((chunk) => this.#doomed.delete(chunk));
    if (spared.length > 0) await this.#replica.write({ spared });
    for (const chunk of spared) {
      const bad = this.#bad.get(chunk);
      if (bad !== undefined) this.#lack(bad, "it was bad when it was spared");
    }
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
      const bad = this.#bad.get(chunk);
      if (bad !== undefined) this.#giveUp(bad);
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
    this.#lack(row, why);
    await this.#files.quarantine(row.chunk).catch((error) => {
      this.#runtime.log.warn("bad copy not set aside", { chunk: row.chunk, why: messageOf(error) });
    });
  }

  /**
   * The copy here counts for nobody until it is replaced, and is about to be. Not so where somebody else brings it, or nobody wants it
   * any more: then it just does not count.
   */
  #lack(row: ChunkRow, why: string, expected = false): void {
    this.#bad.set(row.chunk, row);
    if (!this.#isOurs(row.chunk) || this.#doomed.has(row.chunk)) return;
    if (!expected) this.#damages.damaged({ ...damageOf(row), why });
    if (!this.#queue.has(row.chunk)) this.#queue.add(row.chunk);
  }

  /** Nothing has to be mended: its partition has left this node, it is doomed, or no kept version names it. A bad copy goes on counting for nobody. */
  #giveUp(row: ChunkRow): void {
    if (this.#store.chunk(row.chunk) === undefined) this.#bad.delete(row.chunk);
    this.#damages.mended(damageOf(row));
  }

  #isOurs(chunk: ChunkId): boolean {
    return this.#maps.numberOfPartition(chunkPartitionOf(this.#maps.map, chunk)) !== undefined;
  }

  /** One try to replace a bad or missing copy by a peer's. */
  async #mend(chunk: ChunkId, tries: number): Promise<boolean> {
    const row = this.#bad.get(chunk);
    if (row === undefined) return true;
    if (!this.#isOurs(chunk) || this.#doomed.has(chunk)) {
      this.#giveUp(row);
      return true;
    }
    if (this.#alarms.diskFull) return false;
    try {
      const bytes = await this.#fetchFromPeers(row);
      if (this.#doomed.has(chunk) || !this.#bad.has(chunk)) return true; // meanwhile: nobody wants it, or it has come otherwise
      if (typeof bytes !== "string") {
        await this.putChunk(chunk, row.owner, once(bytes), row.checksum);
        return true;
      }
      if (tries === 0 || (await this.#isNamed(row.owner, chunk))) {
        this.#damages.damaged({ ...damageOf(row), why: "no peer has it to give" });
        return false;
      }
      this.#giveUp(row);
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

  /**
   * A verified copy from some other replica of the chunk's partition, the quickest first. A bad one there is told its owner.
   * `lost`: all answered, and none has one.
   */
  async #fetchFromPeers({ chunk, checksum }: Pick<ChunkAt, "chunk" | "checksum">): Promise<Uint8Array | "lost" | "unknown"> {
    const map = this.#maps.map;
    const others = replicasOf(configurationOf(map, chunkPartitionOf(map, chunk))).filter(
      (node: NodeNumber) => node !== this.#maps.self,
    );
    let answers = 0;
    for (const node of this.#peers.inOrder(others)) {
      const { http } = nodeOf(map, node);
      try {
        const bytes = await this.#bulk.getChunk(http, chunk);
        if (checksumOf(bytes) === checksum) return bytes;
        answers += 1;
        this.#bulk.reportChunk(http, chunk).catch(() => {});
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
  async take(wanted: ChunkAt): Promise<TakenOver> {
    const underWay = this.#taking.get(wanted.chunk);
    if (underWay !== undefined) {
      const taken = await underWay;
      if (taken !== "missing" && taken !== "lost") return taken;
    }
    const taking = this.#take(wanted);
    this.#taking.set(wanted.chunk, taking);
    try {
      return await taking;
    } finally {
      if (this.#taking.get(wanted.chunk) === taking) this.#taking.delete(wanted.chunk);
    }
  }

  async #take(wanted: ChunkAt): Promise<TakenOver> {
    await this.#stays(wanted.chunk);
    if (this.#held(wanted.chunk) !== undefined) return "held";
    const bytes = await this.#fetchFromPeers(wanted);
    if (bytes === "unknown") return "missing";
    if (bytes === "lost") return "lost";
    await this.putChunk(wanted.chunk, wanted.owner, once(bytes), wanted.checksum);
    return { sizeBytes: bytes.length };
  }

  /** As `take`, of a chunk that a learned head names: when no peer can help now it is fetched later. */
  async want(wanted: ChunkRow): Promise<void> {
    await this.#stays(wanted.chunk);
    if (this.#bad.has(wanted.chunk)) return;
    const taken = await this.take(wanted);
    if (taken === "missing" || taken === "lost") this.#lack(wanted, "no peer had it to give");
  }

  /** True when a copy is here, or on its way, of a chunk that a head names, as far as the index tells. */
  holds({ chunk, checksum, sizeBytes }: ChunkRow): boolean {
    if (this.#arriving.has(chunk)) return true;
    const row = this.#held(chunk);
    return row?.checksum === checksum && row.sizeBytes === sizeBytes;
  }

  /**
   * Looks after a chunk that a head names, its bytes too if `deep`. What is bad or missing is set about to be replaced. `expected`: that it
   * is missing is no news unless nobody has it. A doomed one is the collector's, who spares it if the settled head names it.
   */
  async check(wanted: ChunkRow, { deep, expected }: { readonly deep: boolean; readonly expected: boolean }): Promise<void> {
    const { chunk } = wanted;
    if (this.#arriving.has(chunk) || this.#queue.has(chunk) || this.#doomed.has(chunk)) return;
    const row = this.#store.chunk(chunk);
    if (row === undefined) this.#lackIfNotJoining(wanted, expected);
    else if (this.#bad.has(chunk)) this.#lack(wanted, "it was bad or missing, and nobody had asked for it");
    else if (!this.holds(wanted)) await this.#reindex(row, wanted);
    else if (deep) await this.verify(row);
  }

  /** What a store that joins does not hold yet is brought by whoever carries the partition over (P16), and no damage. */
  #lackIfNotJoining(wanted: ChunkRow, expected: boolean): void {
    const { map, self } = this.#maps;
    if (!isJoining(configurationOf(map, chunkPartitionOf(map, wanted.chunk)), self))
      this.#lack(wanted, "it is missing", expected);
  }

  /** Index and head differ: the bytes tell which of them is damaged. */
  async #reindex(row: ChunkRow, wanted: ChunkRow): Promise<void> {
    const found = await this.#checksumOnDisk(row.chunk);
    if (found === wanted.checksum) await this.#replica.write({ chunks: [wanted] });
    else if (found === row.checksum) this.#runtime.log.warn("a head names other bytes than this chunk has", { ...wanted, found });
    else await this.#discard(wanted, "its index row and its bytes are not what the head names");
  }

  /** Reads a copy and sets it aside if it is bad. True: it is good, or about to be deleted. */
  async verify(row: ChunkRow): Promise<boolean> {
    if (this.#doomed.has(row.chunk)) return true;
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
