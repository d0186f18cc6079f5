/**
 * Collects chunks that no version names (P22): of versions that retention dropped, of files that were erased, of clients that died in the
 * middle of a put. Each store looks after its own.
 *
 * Going through its chunk index a store reads the owner's head at any replica. A chunk that this does not name is an orphan, as far as it goes: the
 * answer may be old, or the put under way. When it has been one for the policy's time, and no chunk of its upload has come meanwhile, it is
 * 1. doomed, durably: from now on it is not confirmed to any coordinator (P21),
 * 2. its owner's head is settled by a real prepare and accept, and if that head, history included, does not name it,
 * 3. it is deleted, if it is still doomed; else the mark is taken back.
 *
 * Why no retained version ever names a deleted chunk (I7): let c be a proposal that names it, confirmed here before the doom (later it was not), so
 * after c's own phase 1. The settle at ballot b began after the doom. If b > c, the R promises of b meet every W of c: either they show c or
 * what extends it, and then b's head names the chunk or a chosen head has dropped it; or c can never be chosen. If b < c, the W accepts of b meet
 * the R promises of c at some replica. That had not promised c before it accepted b, or it would have refused b; so c's phase 1
 * ended after the doom, against what was said. Without the accept, R promises of both need not meet. No clock takes part.
 *
 * What W other stores confirmed after the doom here, a head may name though this copy goes: it never counted, theirs stay by the argument above, and it
 * is fetched again like any that a store lacks. Only a put whose chunks are older than the policy's time comes to that.
 *
 * A chunk that is put again while it is doomed is spared, durably, before that is answered; deleting looks once more in its own turn.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { orphanAgeMs } from "../cluster/retention.ts";
import {
  GARBAGE_OWNERS_PER_SEC,
  OPERATION_BUDGET_MS,
  ORPHANS_WATCHED_MAX,
  QUORUM_PATIENCE_MS,
  SCAN_PAGE_MAX,
} from "../limits.ts";
import type { Cancel, ChunkRow, NodeStore, Runtime } from "../ports.ts";
import { isAbsent } from "../register/ballot.ts";
import { decodeHeld } from "../register/reader.ts";
import { headCodec } from "../wire/codec.ts";
import { type Head, type Settled, Want } from "../wire/messages.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Coordinator } from "./coordinator.ts";
import { lookEveryMs } from "./eraser.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { Pace } from "./pace.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export interface CollectorParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly chunks: ChunkStore;
  readonly onFatal: (error: unknown) => void;
}

/** What one upload has here. */
interface Group {
  readonly owner: Path;
  readonly upload: string;
  readonly rows: ChunkRow[];
}

interface Orphan {
  /** Monotonic. */
  readonly sinceMs: number;
  readonly chunks: number;
  readonly sizeBytes: number;
}

export class ChunkCollector {
  readonly #parts: CollectorParts;
  readonly #pace: Pace;
  readonly #orphans = new Map<string, Orphan>();
  /** Of the round under way. */
  readonly #met = new Set<string>();
  #cancel: Cancel = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  collectedCount = 0;
  collectedBytes = 0;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.runtime.clock, parts.runtime.timers, GARBAGE_OWNERS_PER_SEC);
  }

  /** Chunks that nobody names, as of the last look. */
  get orphans(): { readonly chunks: number; readonly sizeBytes: number } {
    let [chunks, sizeBytes] = [0, 0];
    for (const orphan of this.#orphans.values()) {
      chunks += orphan.chunks;
      sizeBytes += orphan.sizeBytes;
    }
    return { chunks, sizeBytes };
  }

  /** A chunk of the upload has come: it goes on. */
  arrived(upload: string): void {
    this.#orphans.delete(upload);
  }

  start(): void {
    const everyMs = lookEveryMs(orphanAgeMs(this.#parts.maps.map.policy));
    this.#cancel = this.#parts.runtime.timers.after(everyMs, () => {
      this.#running = this.#round()
        .then(() => {
          if (!this.#stopped) this.start();
        })
        .catch(this.#parts.onFatal);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  /** Once through the chunk index. Chunks of one upload lie side by side in it. */
  async #round(): Promise<void> {
    this.#met.clear();
    let group: Group | undefined;
    for (let after: string | undefined = ""; after !== undefined && !this.#stopped; ) {
      const page = await this.#page(after);
      for (const row of page) {
        const upload = uploadOf(row.chunk);
        if (group !== undefined && (group.upload !== upload || group.owner !== row.owner)) {
          await this.#look(group);
          group = undefined;
        }
        group ??= { owner: row.owner, upload, rows: [] };
        group.rows.push(row);
      }
      after = page.at(-1)?.chunk;
    }
    if (group !== undefined) await this.#look(group);
    if (this.#stopped) return;
    for (const upload of this.#orphans.keys()) if (!this.#met.has(upload)) this.#orphans.delete(upload);
  }

  #page(after: string): Promise<readonly ChunkRow[]> {
    const { store, replica, runtime } = this.#parts;
    return new Promise((resolve, reject) => {
      runtime.timers.soon(() =>
        replica.betweenCommits(() => {
          try {
            resolve(store.chunksAfter(after, SCAN_PAGE_MAX));
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }

  async #look(group: Group): Promise<void> {
    const { maps, chunks, runtime } = this.#parts;
    const rows = group.rows.filter(({ chunk }) => maps.numberOfPartition(chunkPartitionOf(maps.map, chunk)) !== undefined);
    if (this.#stopped || rows.length === 0) return; // what belongs to others is dropped otherwise (leftovers.ts)
    await this.#pace.spend(1);
    try {
      const { owner, upload } = group;
      const named = await this.#named(owner);
      if (named === undefined) {
        if (this.#orphans.has(upload)) this.#met.add(upload);
        return;
      }
      if (named.has(upload)) {
        this.#orphans.delete(upload);
        await chunks.spare(rows.map(({ chunk }) => chunk));
      } else if (this.#isDue(upload, rows)) await this.#collect({ owner, upload, rows });
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      runtime.log.debug("orphaned chunks are not collected yet", { owner: group.owner, why: messageOf(error) });
    }
  }

  #isDue(upload: string, rows: readonly ChunkRow[]): boolean {
    const { runtime, maps, chunks } = this.#parts;
    const nowMs = runtime.clock.monotonicMs();
    const sinceMs = this.#orphans.get(upload)?.sinceMs ?? nowMs;
    if (!this.#orphans.has(upload) && this.#orphans.size >= ORPHANS_WATCHED_MAX) return false;
    const sizeBytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
    this.#orphans.set(upload, { sinceMs, chunks: rows.length, sizeBytes });
    this.#met.add(upload);
    // Those that an earlier life of the process has doomed have waited long enough.
    return nowMs - sinceMs >= orphanAgeMs(maps.map.policy) || rows.every(({ chunk }) => chunks.isDoomed(chunk));
  }

  async #collect({ owner, upload, rows }: Group): Promise<void> {
    const { chunks } = this.#parts;
    const ids = rows.map(({ chunk }) => chunk);
    await chunks.doom(ids);
    const head = await this.#settled(owner);
    if (uploadsOf(head).has(upload)) {
      await chunks.spare(ids);
      this.#orphans.delete(upload);
      return;
    }
    const gone = new Set(await chunks.dropDoomed(ids));
    for (const { chunk, sizeBytes } of rows) {
      if (!gone.has(chunk)) continue;
      this.collectedCount += 1;
      this.collectedBytes += sizeBytes;
    }
    this.#orphans.delete(upload);
  }

  /** The uploads that the owner's head names, at some replica that answers. Undefined: none does. */
  async #named(owner: Path): Promise<ReadonlySet<string> | undefined> {
    const { maps, peers } = this.#parts;
    const configuration = configurationOf(maps.map, partitionOf(maps.map, owner));
    for (const node of peers.inOrder(replicasOf(configuration))) {
      try {
        const read = { path: owner, want: Want.HEAD, version: 0 };
        const { held } = await peers.call(node, configuration.number, { read }, QUORUM_PATIENCE_MS);
        if (held) return isAbsent(held.ballot) ? new Set() : uploadsOf(decodeHeld(held.head));
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
      }
    }
    return undefined;
  }

  /** @throws QdfsError: nobody could settle it now */
  async #settled(owner: Path): Promise<Head> {
    const { maps, peers, coordinator } = this.#parts;
    if (maps.numberOf(owner) !== undefined) return headOf(await coordinator.settleAnew(owner, OPERATION_BUDGET_MS));
    const configuration = configurationOf(maps.map, partitionOf(maps.map, owner));
    const settle = { path: owner, budgetMs: OPERATION_BUDGET_MS, anew: true };
    let failure: unknown;
    for (const node of peers.inOrder(replicasOf(configuration))) {
      try {
        const { settled } = await peers.call(node, configuration.number, { settle }, OPERATION_BUDGET_MS);
        if (settled) return headOf(settled);
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

/** `<upload>-<index>` */
function uploadOf(chunk: string): string {
  return chunk.slice(0, chunk.indexOf("-"));
}

function headOf({ head }: Settled): Head {
  return headCodec.decode(new Uint8Array(head));
}

function uploadsOf({ current, history }: Head): ReadonlySet<string> {
  return new Set([current, ...history].flatMap(({ chunks }) => (chunks === null ? [] : [chunks.upload])));
}
