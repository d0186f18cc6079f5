/**
 * One chunk on its way to the N replicas of its partition, all at once. It is durable when W of them (of each replica set,
 * P10) have said so; the other copies go on until they are done, or until their buffer is wanted.
 */
import { codeOf, ERRORS, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import { RETRY_BASE_MS, RETRY_MAX_MS, UNAVAILABLE_PATIENCE_MS } from "../limits.ts";
import type { ChunkId, Runtime } from "../ports.ts";
import { reaches, Tally, writeNeed } from "../register/quorum.ts";
import type { Configuration } from "../wire/messages.ts";
import type { ChunkStores } from "./chunk-stores.ts";
import { backoffMs, sleep } from "./inbox.ts";

export interface ChunkToPut {
  readonly chunk: ChunkId;
  readonly owner: Path;
  readonly bytes: Uint8Array;
  readonly checksum: string;
  readonly configuration: Configuration;
  /** Begins the message of a failure: `chunk 3 of /big`. */
  readonly what: string;
}

export class ChunkPut {
  /**
   * Resolves when W replicas hold the chunk durably.
   * Rejects with STORAGE_FULL when it is for want of room that they do not, else with QUORUM_UNAVAILABLE and its arithmetic.
   */
  readonly durable: Promise<void>;
  /** Resolves when no copy is under way any more: with true when all ended by themselves, so that the bytes are free again. */
  readonly ended: Promise<boolean>;
  readonly #stores: ChunkStores;
  readonly #runtime: Runtime;
  readonly #put: ChunkToPut;
  readonly #tally: Tally;
  readonly #abort = new AbortController();
  readonly #startedMs: number;
  readonly #underWay = new Set<NodeNumber>();
  readonly #full = new Set<NodeNumber>();
  #heldBack: NodeNumber[];
  #isDurable = false;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #end: (clean: boolean) => void = () => {};

  constructor(stores: ChunkStores, runtime: Runtime, put: ChunkToPut) {
    this.#stores = stores;
    this.#runtime = runtime;
    this.#put = put;
    this.#tally = new Tally(put.configuration, writeNeed);
    this.#startedMs = runtime.clock.monotonicMs();
    this.durable = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const replicas = replicasOf(put.configuration);
    const brisk = replicas.filter((node) => !stores.lags(node));
    const enough = reaches(put.configuration, writeNeed, new Set(brisk));
    this.#heldBack = enough ? replicas.filter((node) => stores.lags(node)) : [];
    for (const node of enough ? brisk : replicas) this.#start(node);
  }

  get isDurable(): boolean {
    return this.#isDurable;
  }

  /** How long the copies beyond W have been awaited: since the chunk was sent. */
  get ageMs(): number {
    return this.#runtime.clock.monotonicMs() - this.#startedMs;
  }

  /** Gives up the copies under way. Whose they are is a laggard if W others were faster. */
  abandon(): void {
    if (this.#isDurable) for (const node of this.#underWay) this.#stores.markLaggard(node);
    this.#abort.abort();
    this.#end(false);
  }

  #start(node: NodeNumber): void {
    this.#underWay.add(node);
    this.#copyTo(node).then(
      () => this.#copyEnded(node),
      (error: unknown) => {
        this.#reject(error);
        this.#copyEnded(node);
      },
    );
  }

  async #copyTo(node: NodeNumber): Promise<void> {
    const { chunk, owner, bytes, checksum } = this.#put;
    for (let tries = 0; ; tries += 1) {
      try {
        const receipt = await this.#stores.put(node, chunk, owner, bytes, checksum, this.#abort.signal);
        if (receipt.checksum !== checksum) throw new QdfsError("CORRUPT", "it acknowledged other bytes");
        this.#copied(node);
        return;
      } catch (error) {
        if (!this.#failed(node, error)) return;
      }
      await sleep(this.#runtime.timers, backoffMs(this.#runtime.random, RETRY_BASE_MS, tries, RETRY_MAX_MS));
      if (!this.#wanted()) return;
    }
  }

  #copied(node: NodeNumber): void {
    this.#tally.yes(node);
    if (this.#isDurable || this.#tally.vote() !== "won") return;
    this.#isDurable = true;
    this.#resolve();
  }

  /** Books a failed copy; true when it is worth another try. */
  #failed(node: NodeNumber, error: unknown): boolean {
    const code = codeOf(error);
    if (code === undefined) throw error;
    this.#tally.no(node, messageOf(error));
    if (code === "STORAGE_FULL") this.#full.add(node);
    for (const other of this.#heldBack.splice(0)) this.#start(other);
    const retryable = code === "CORRUPT" || (code !== "STORAGE_FULL" && ERRORS[code].retry !== "never");
    return retryable && this.#wanted();
  }

  #wanted(): boolean {
    return !this.#isDurable && !this.#abort.signal.aborted && this.ageMs < UNAVAILABLE_PATIENCE_MS;
  }

  #copyEnded(node: NodeNumber): void {
    this.#underWay.delete(node);
    if (this.#underWay.size > 0) return;
    if (!this.#isDurable) this.#reject(this.#failure());
    this.#end(!this.#abort.signal.aborted);
  }

  #failure(): QdfsError {
    const failure = this.#tally.unavailable(this.#put.what);
    // Would there be W if those that are full had room? Then room is what is missing.
    const holders = replicasOf(this.#put.configuration).filter((node) => this.#tally.has(node) || this.#full.has(node));
    const forWantOfRoom = this.#full.size > 0 && reaches(this.#put.configuration, writeNeed, new Set(holders));
    return forWantOfRoom ? new QdfsError("STORAGE_FULL", failure.message, failure.details) : failure;
  }
}
