/** The DataNodes as stores of chunks, with what this client has measured of each: whom to ask first, whom to spare. */

import type { NodeNumber, Path } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import { CHUNK_LAGGARD_MS, CLOSE_PATIENCE_MS } from "../limits.ts";
import type { BulkClient, ChunkId, ChunkRequest, Random, Receipt, Runtime } from "../ports.ts";
import { NodeState } from "../wire/messages.ts";
import { sleep } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Peers } from "./peers.ts";

/** How much the latest transfer weighs in the smoothed time. */
const WEIGHT = 1 / 4;
/** Stands for the time of a store that was not asked yet. */
const UNMEASURED_MS = 1;

interface Measured {
  inFlight: number;
  /** Smoothed time of one chunk read, ms; 0: none yet. */
  readMs: number;
  failedAtMs: number;
  lagsUntilMs: number;
}

export class ChunkStores {
  readonly #bulk: BulkClient;
  readonly #peers: Peers;
  readonly #holder: MapHolder;
  readonly #runtime: Runtime;
  readonly #copies = new Set<Promise<unknown>>();
  readonly #measured = new Map<NodeNumber, Measured>();

  constructor(bulk: BulkClient, peers: Peers, holder: MapHolder, runtime: Runtime) {
    this.#bulk = bulk;
    this.#peers = peers;
    this.#holder = holder;
    this.#runtime = runtime;
  }

  /** Stores one chunk durably on one node; rejects as BulkClient.putChunk does. */
  async put(
    node: NodeNumber,
    chunk: ChunkId,
    owner: Path,
    bytes: Uint8Array,
    checksum: string,
    signal: AbortSignal,
  ): Promise<Receipt> {
    const copying = this.#counted(node, signal, () =>
      this.#bulk.putChunk(this.#peers.http(node), chunk, owner, bytes, checksum, signal),
    );
    this.#copies.add(copying);
    try {
      return await copying;
    } finally {
      this.#copies.delete(copying);
    }
  }

  /** Waits for the copies under way, for at most CLOSE_PATIENCE_MS: those beyond W are not part of any put's answer. */
  async finishCopies(): Promise<void> {
    if (this.#copies.size === 0) return;
    const copies = Promise.allSettled(this.#copies);
    await Promise.race([copies, sleep(this.#runtime.timers, CLOSE_PATIENCE_MS)]);
  }

  /** A whole chunk from one node, not verified, in memory that `room` gives; rejects as BulkClient.getChunk does. */
  async get(node: NodeNumber, chunk: ChunkId, signal: AbortSignal, room?: ChunkRequest["room"]): Promise<Uint8Array> {
    const measured = this.#of(node);
    const startedMs = this.#runtime.clock.monotonicMs();
    const bytes = await this.#counted(node, signal, () => this.#bulk.getChunk(this.#peers.http(node), chunk, { signal, room }));
    const tookMs = this.#runtime.clock.monotonicMs() - startedMs;
    measured.readMs = measured.readMs === 0 ? tookMs : measured.readMs + (tookMs - measured.readMs) * WEIGHT;
    return bytes;
  }

  /** Best effort, never waited for. */
  report(node: NodeNumber, chunk: ChunkId): void {
    this.#runtime.log.debug("a bad or missing copy of a chunk", { node, chunk });
    this.#bulk.reportChunk(this.#peers.http(node), chunk).catch(() => {});
  }

  /** All of `replicas`, the one to read from first: those that failed lately last, then by time and requests in flight. */
  readOrder(replicas: readonly NodeNumber[], random: Random): readonly NodeNumber[] {
    const nowMs = this.#runtime.clock.monotonicMs();
    const scored = replicas.map((node) => {
      const { inFlight, readMs, failedAtMs, lagsUntilMs } = this.#of(node);
      const bad = nowMs < failedAtMs + CHUNK_LAGGARD_MS || nowMs < lagsUntilMs;
      // The drawn share spreads chunks over stores that are equally good, and each is asked now and then.
      const score = (readMs || UNMEASURED_MS) * (1 + inFlight + this.#holder.inFlightHint(node)) * (0.75 + random.unit() / 2);
      return { node, bad, score };
    });
    return scored.sort((a, b) => Number(a.bad) - Number(b.bad) || a.score - b.score).map(({ node }) => node);
  }

  readMs(node: NodeNumber): number {
    return this.#of(node).readMs;
  }

  /** The node was too slow for the others' good: for a while it gets only what W needs. */
  markLaggard(node: NodeNumber): void {
    this.#of(node).lagsUntilMs = this.#runtime.clock.monotonicMs() + CHUNK_LAGGARD_MS;
  }

  lags(node: NodeNumber): boolean {
    if (nodeOf(this.#holder.map, node).state === NodeState.DOWN) return true;
    return this.#runtime.clock.monotonicMs() < this.#of(node).lagsUntilMs;
  }

  async #counted<Result>(node: NodeNumber, signal: AbortSignal, transfer: () => Promise<Result>): Promise<Result> {
    const measured = this.#of(node);
    measured.inFlight += 1;
    try {
      return await transfer();
    } catch (error) {
      if (!signal.aborted) measured.failedAtMs = this.#runtime.clock.monotonicMs();
      throw error;
    } finally {
      measured.inFlight -= 1;
    }
  }

  #of(node: NodeNumber): Measured {
    let measured = this.#measured.get(node);
    if (measured === undefined) {
      measured = { inFlight: 0, readMs: 0, failedAtMs: Number.NEGATIVE_INFINITY, lagsUntilMs: 0 };
      this.#measured.set(node, measured);
    }
    return measured;
  }
}
