/**
 * Catching up: a replica that was away asks each peer what changed since it last looked, and takes over what it missed. A
 * value that the peer knows chosen is learned as it is; one of which that is not known is settled, which writes it here too.
 * Runs at the start, when a peer comes back, after this process was stopped for a while, and now and then when there is
 * little to do.
 */
import { CHECKSUM_BYTES, checksumOf, formatChecksum } from "../base/checksum.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { isFilePath } from "../base/path.ts";
import { chunkPartitionOf, nodeOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { CATCH_UP_BATCH, CATCH_UP_GRACE_MS, CATCH_UP_IN_FLIGHT, CONTROL_CALL_MS, OPERATION_BUDGET_MS } from "../limits.ts";
import type { NodeStore, Runtime } from "../ports.ts";
import { compareBallots } from "../register/ballot.ts";
import { isInline } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import { type Ballot, type Change, type Head, Want } from "../wire/messages.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Freshness } from "./freshness.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export class CatchUp {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #maps: MapKeeper;
  readonly #peers: Peers;
  readonly #replica: Replica;
  readonly #coordinator: Coordinator;
  readonly #chunks: ChunkStore;
  readonly #freshness: Freshness;
  readonly #running = new Map<NodeNumber, Promise<void>>();
  readonly #behind = new Map<NodeNumber, number>();
  /** Peers that broke off the last run. */
  readonly #failed = new Set<NodeNumber>();
  #stopped = false;
  /** Files taken over in this life. */
  takenCount = 0;

  constructor(parts: {
    runtime: Runtime;
    store: NodeStore;
    maps: MapKeeper;
    peers: Peers;
    replica: Replica;
    coordinator: Coordinator;
    chunks: ChunkStore;
    freshness: Freshness;
  }) {
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#maps = parts.maps;
    this.#peers = parts.peers;
    this.#replica = parts.replica;
    this.#coordinator = parts.coordinator;
    this.#chunks = parts.chunks;
    this.#freshness = parts.freshness;
  }

  /** Changes at the peers that have not been looked at yet, as far as known while catching up; 0 when not. */
  get behind(): number {
    let sum = 0;
    for (const count of this.#behind.values()) sum += count;
    return sum;
  }

  /** True when the last run with that peer was broken off: a connection that seemed to be there was not. */
  hasFailed(peer: NodeNumber): boolean {
    return this.#failed.has(peer);
  }

  /** Runs under way end at the next file. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Catches up with every peer; resolves when all have been followed to where they stood, or could not be reached. */
  async all(): Promise<void> {
    const others = this.#maps.map.nodes.filter(({ number }) => number !== this.#maps.self);
    await Promise.all(others.map(({ number }) => this.with(number)));
  }

  /** Catches up with one peer. Failures are logged: the next run goes on from the stored cursor. */
  with(peer: NodeNumber): Promise<void> {
    const running = this.#running.get(peer);
    if (running !== undefined) return running;
    const run = this.#follow(peer)
      .then(() => void this.#failed.delete(peer))
      .catch((error) => {
        if (codeOf(error) === undefined) throw error;
        this.#failed.add(peer);
        this.#runtime.log.debug("not caught up", { peer, why: messageOf(error) });
      })
      .finally(() => {
        this.#running.delete(peer);
        this.#behind.delete(peer);
      });
    this.#running.set(peer, run);
    return run;
  }

  async #follow(peer: NodeNumber): Promise<void> {
    const { diskId } = nodeOf(this.#maps.map, peer);
    let after = this.#store.cursor(diskId);
    let end: number | undefined;
    // Files that could not be taken over hold back the stored cursor, not the rest: the next run looks at them again.
    let taken = Number.POSITIVE_INFINITY;
    while (!this.#stopped) {
      const request = { changes: { after, limit: CATCH_UP_BATCH, waitMs: 0, heads: false } };
      const askedMs = this.#runtime.clock.monotonicMs();
      const { changes } = await this.#peers.call(peer, 0, request, CONTROL_CALL_MS);
      if (!changes || changes.diskId !== diskId) return;
      end ??= changes.current;
      this.#behind.set(peer, Math.max(0, end - after));
      taken = Math.min(taken, await this.#takeOver(peer, changes.changes));
      if (this.#stopped) return;
      const sequence = Math.min(changes.through, taken);
      if (sequence > this.#store.cursor(diskId)) await this.#replica.write({ cursors: [{ diskId, sequence }] });
      after = changes.through;
      // An answer that does not reach the log's end may have passed over a file that was written again meanwhile.
      if (after >= changes.current && taken === Number.POSITIVE_INFINITY) this.#freshness.caughtUp(peer, askedMs);
      if (after >= end || changes.changes.length === 0) return;
    }
  }

  /** The sequence before the first file that could not be taken over; infinity when all were. */
  async #takeOver(peer: NodeNumber, changes: readonly Change[]): Promise<number> {
    const missed = changes.filter((change) => this.#missed(change));
    if (missed.some(({ chosen }) => !chosen)) {
      // What is just being written will be here, or known chosen, in a moment.
      await new Promise<void>((resolve) => this.#runtime.timers.after(CATCH_UP_GRACE_MS, resolve));
    }
    let next = 0;
    let taken = Number.POSITIVE_INFINITY;
    const worker = async (): Promise<void> => {
      for (let change = missed[next++]; change !== undefined && !this.#stopped; change = missed[next++]) {
        if (!this.#missed(change)) continue;
        try {
          await this.#take(peer, change.path);
        } catch (error) {
          if (codeOf(error) === undefined) throw error;
          this.#runtime.log.warn("not taken over yet", { path: change.path, why: messageOf(error) });
          taken = Math.min(taken, change.sequence - 1);
        }
      }
    };
    await Promise.all(Array.from({ length: CATCH_UP_IN_FLIGHT }, worker));
    return taken;
  }

  #missed({ path, ballot }: Change): boolean {
    if (!isFilePath(path)) return false; // damaged there: no file has it
    const configuration = this.#maps.map.partitions[partitionOf(this.#maps.map, path)];
    if (configuration === undefined || !replicasOf(configuration).includes(this.#maps.self)) return false;
    try {
      return compareBallots(ballot, this.#replica.accepted(path).ballot) > 0;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return true; // what is here cannot be read: taking it over says so
    }
  }

  async #take(peer: NodeNumber, path: Path): Promise<void> {
    const configuration = this.#maps.configurationOf(path);
    const request = { read: { path, want: Want.CONTENT, version: 0 } };
    const { held } = await this.#peers.call(peer, configuration.number, request, CONTROL_CALL_MS);
    if (!held || held.head.length === 0) return;
    const head = headCodec.decode(held.head);
    const inline = isInline(head.current);
    const intact = !inline || (held.contentHeld && checksumOf(held.content) === head.current.checksum);
    await this.#takeChunks(path, head); // first: once the head is here, nothing tells that its chunks are not
    if (!held.chosen || !intact) await this.#takeSettled(path);
    else await this.#learn(path, held.ballot, held.head, head, inline ? held.content : null);
    this.takenCount += 1;
  }

  /** A settle finds a value chosen without our help, too: then nothing was written here, and what it found is learned. */
  async #takeSettled(path: Path): Promise<void> {
    const { ballot, head: bytes } = await this.#coordinator.settle(path, OPERATION_BUDGET_MS);
    if (compareBallots(ballot, this.#replica.accepted(path).ballot) <= 0) return;
    const head = headCodec.decode(bytes);
    const content = isInline(head.current) ? await this.#coordinator.inlineBytes(path, head.current) : null;
    await this.#learn(path, ballot, bytes, head, content);
  }

  async #learn(path: Path, ballot: Ballot, bytes: Uint8Array, head: Head, content: Uint8Array | null): Promise<void> {
    const { configuration, counter, node } = ballot;
    const { random } = head.current.operation;
    await this.#replica.learn({ path, ballot: { configuration, counter, node }, head: bytes, random, content });
  }

  /** The chunks of the current version that belong here too. A chunk that no peer has now is left to the reader's fallback. */
  async #takeChunks(path: Path, head: Head): Promise<void> {
    const { chunks } = head.current;
    if (chunks === null) return;
    const sums = new DataView(chunks.checksums.buffer, chunks.checksums.byteOffset, chunks.checksums.byteLength);
    for (let index = 0; index * CHECKSUM_BYTES < chunks.checksums.length; index += 1) {
      const chunk = `${chunks.upload}-${index}`;
      const configuration = this.#maps.map.partitions[chunkPartitionOf(this.#maps.map, chunk)];
      if (configuration === undefined || !replicasOf(configuration).includes(this.#maps.self)) continue;
      await this.#chunks.take(chunk, path, formatChecksum(sums.getBigUint64(index * CHECKSUM_BYTES)));
    }
  }
}
