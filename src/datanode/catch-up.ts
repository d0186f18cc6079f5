/**
 * Catching up: a replica that was away asks each peer what changed since it last looked, and takes over what it missed. A
 * value that the peer knows chosen is learned as it is; one of which that is not known is settled, which writes it here too.
 * Runs at the start, when a peer comes back, after this process was stopped for a while, and now and then when there is
 * little to do.
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { isFilePath } from "../base/path.ts";
import { chunkPartitionOf, nodeOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { CATCH_UP_BATCH, CATCH_UP_GRACE_MS, CATCH_UP_IN_FLIGHT, CONTROL_CALL_MS, OPERATION_BUDGET_MS } from "../limits.ts";
import type { NodeStore, Runtime } from "../ports.ts";
import { compareBallots, sameBallot } from "../register/ballot.ts";
import { isInline } from "../register/head.ts";
import { chunksNamed } from "../wire/chunk-list.ts";
import { headCodec } from "../wire/codec.ts";
import { type Ballot, type Change, type Head, type Settled, Want } from "../wire/messages.ts";
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
  /** Told of each file whose current value was taken over: earlier versions of it may be missing here. */
  readonly #taken: (path: Path) => Promise<void>;
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
    taken: (path: Path) => Promise<void>;
  }) {
    this.#runtime = parts.runtime;
    this.#store = parts.store;
    this.#maps = parts.maps;
    this.#peers = parts.peers;
    this.#replica = parts.replica;
    this.#coordinator = parts.coordinator;
    this.#chunks = parts.chunks;
    this.#freshness = parts.freshness;
    this.#taken = parts.taken;
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

  /** Takes over what a peer holds of one file, which is newer than what is here, and settles it first if it is not known chosen. */
  takeOver(peer: NodeNumber, path: Path): Promise<void> {
    return this.#take(peer, path);
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
      if (changes.current < after) {
        // Sequences never repeat (P19): that disk is back at an earlier state, and may have begun to use them again.
        this.#runtime.log.warn("a peer's change log ends before where it had been followed to: looking through all of it", {
          peer,
        });
        await this.#replica.write({ cursors: [{ diskId, sequence: 0 }] });
        after = 0;
        continue;
      }
      end ??= changes.current;
      this.#behind.set(peer, Math.max(0, end - after));
      taken = Math.min(taken, await this.#takeAll(peer, changes.changes));
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
  async #takeAll(peer: NodeNumber, changes: readonly Change[]): Promise<number> {
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

  #missed({ path, ballot, erased }: Change): boolean {
    if (erased) return false; // then it was here, too, or nothing older ever will be (P14)
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
    if (!held.chosen || !intact) await this.takeSettled(path);
    else if (this.#isErased(path, held.ballot)) {
      // It may be another file of the partition that was erased; the very ballot that was is about to go at the peer, too.
      if (!sameBallot(held.ballot, this.#floorOf(path))) await this.takeSettled(path);
    } else await this.#learn(path, configuration.number, held.ballot, held.head, head, inline ? held.content : null);
    this.takenCount += 1;
    await this.#taken(path);
  }

  /**
   * Has the file settled and holds then what was found. A settle finds a value chosen without our help, too: then nothing was written
   * here, and what it found is learned.
   * @throws as Coordinator.settle
   */
  async takeSettled(path: Path): Promise<void> {
    const { number } = this.#maps.configurationOf(path);
    const isNew = (settled: Settled): boolean => compareBallots(settled.ballot, this.#replica.accepted(path).ballot) > 0;
    let settled = await this.#coordinator.settle(path, OPERATION_BUDGET_MS);
    // At or below what was erased here nothing is learned (P14): the value gets a new ballot.
    if (isNew(settled) && this.#isErased(path, settled.ballot))
      settled = await this.#coordinator.settleAnew(path, OPERATION_BUDGET_MS);
    if (!isNew(settled)) return;
    const { ballot, head: bytes } = settled;
    const head = headCodec.decode(bytes);
    const content = isInline(head.current) ? await this.#coordinator.inlineBytes(path, head.current) : null;
    await this.#learn(path, number, ballot, bytes, head, content);
  }

  #floorOf(path: Path): Ballot {
    return this.#replica.erasureOf(this.#maps.partitionOf(path)).floor;
  }

  /** At or below what was erased in the file's partition. */
  #isErased(path: Path, ballot: Ballot): boolean {
    return compareBallots(ballot, this.#floorOf(path)) <= 0;
  }

  /** `asked`: the number of the configuration by which the value was asked for. */
  async #learn(
    path: Path,
    asked: number,
    ballot: Ballot,
    bytes: Uint8Array,
    head: Head,
    content: Uint8Array | null,
  ): Promise<void> {
    const { configuration, counter, node } = ballot;
    const { random } = head.current.operation;
    const value = { path, ballot: { configuration, counter, node }, head: bytes, random, content };
    await this.#replica.learn({ ...value, configuration: asked });
  }

  /** The chunks of the current version that belong here too. */
  async #takeChunks(path: Path, head: Head): Promise<void> {
    for (const named of chunksNamed(head.current)) {
      const configuration = this.#maps.map.partitions[chunkPartitionOf(this.#maps.map, named.chunk)];
      if (configuration === undefined || !replicasOf(configuration).includes(this.#maps.self)) continue;
      await this.#chunks.want({ ...named, owner: path });
    }
  }
}
