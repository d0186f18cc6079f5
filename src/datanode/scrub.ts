/**
 * The scrub: every stored byte of this node is read from the disk again within a period, and verified. Bad copies rot silently: what
 * nobody reads for a year is found bad when the last good copy is needed. A pass goes through the rows of the database in the order in
 * which they lie there, then through the chunk files; at the accepted value of each file it also looks whether everything that
 * its head names is here. What it finds is mended by Mender and ChunkStore, which never serve it either.
 *
 * What it can verify: inline bytes and chunks, by their checksums; heads as far as Mender says. What it cannot: bytes that the
 * system's cache holds are read from there; promises, marks, cursors and the map in the database carry no checksum (SQLite's
 * own check of its structure is made when the database is opened).
 */
import { codeOf, messageOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { formatDuration } from "../base/units.ts";
import { chunkPartitionOf, partitionOf, replicasOf } from "../cluster/map.ts";
import {
  CONTROL_CALL_MS,
  SCRUB_AIM_SHARE,
  SCRUB_ASIDE_MS,
  SCRUB_BUSY_SHARE,
  SCRUB_CHUNKS,
  SCRUB_FORCED_RATE_BYTES,
  SCRUB_RATE_MAX_BYTES,
  SCRUB_RATE_MIN_BYTES,
  SCRUB_ROWS,
  SCRUB_SAVE_MS,
  SCRUB_STEP_BYTES,
} from "../limits.ts";
import type { NodeStore, Runtime, StoredRow } from "../ports.ts";
import { isInline } from "../register/head.ts";
import { chunksNamed } from "../wire/chunk-list.ts";
import { headCodec } from "../wire/codec.ts";
import type { Alarms } from "./alarms.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Damages } from "./damages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { contentFlaw, headFlaw, type Mender, versionsOf } from "./mender.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import { formatScrubState, newPass, parseScrubState, type ScrubState } from "./scrub-state.ts";

export interface ScrubParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly replica: Replica;
  readonly chunks: ChunkStore;
  readonly mender: Mender;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly alarms: Alarms;
  readonly damages: Damages;
  readonly periodMs: number;
  /** Clients want something of this node. */
  readonly isBusy: () => boolean;
  readonly onFatal: (error: unknown) => void;
}

export class Scrub {
  readonly #parts: ScrubParts;
  #state: ScrubState | undefined;
  /** What Damages had counted when this pass, or this life, began. */
  #foundBefore = 0;
  #mendedBefore = 0;
  #bytesTotal = 0;
  #savedMs = 0;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  /** Another pass is due as soon as the one under way has ended. */
  #isDueAnyway = false;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
    this.#state = parseScrubState(parts.store.scrub());
  }

  /** Undefined: none was ever begun. */
  get state(): ScrubState | undefined {
    return this.#state;
  }

  get periodMs(): number {
    return this.#parts.periodMs;
  }

  /** About how many bytes the pass under way will have read. */
  get bytesTotal(): number {
    return Math.max(this.#bytesTotal, this.#state?.bytes ?? 0);
  }

  /** Serial of the first finding of this pass in this life. */
  get since(): number {
    return this.#foundBefore;
  }

  get found(): number {
    return (this.#state?.found ?? 0) + this.#parts.damages.foundCount - this.#foundBefore;
  }

  get mended(): number {
    return (this.#state?.mended ?? 0) + this.#parts.damages.mendedCount - this.#mendedBefore;
  }

  /** In words, that a pass did not end within the period; undefined: nothing is late. */
  look(): void {
    const { alarms, periodMs, runtime } = this.#parts;
    const { state } = this;
    const late = state !== undefined && state.finishedAtMs === 0 && runtime.clock.wallMs() - state.startedAtMs >= periodMs;
    const words = `the scrub has not read everything within its period of ${formatDuration(periodMs)}`;
    if (late) alarms.raise("scrub-late", "", words);
    else alarms.clear("scrub-late", "");
  }

  /** It waits because clients want something. */
  get isAside(): boolean {
    const { state } = this;
    if (state === undefined || state.finishedAtMs > 0 || state.forced || !this.#parts.isBusy()) return false;
    const elapsedMs = this.#parts.runtime.clock.wallMs() - state.startedAtMs;
    return elapsedMs >= 0 && elapsedMs < this.#parts.periodMs * SCRUB_AIM_SHARE;
  }

  /** To be called now and then: begins a pass when it is time for one, and goes on with one that a restart interrupted. */
  tick(): void {
    if (this.#stopped || this.#running !== undefined) return;
    const state = this.#state;
    if (state === undefined || (state.finishedAtMs > 0 && this.#isDue(state))) this.#begin(false);
    else if (state.finishedAtMs === 0) this.#run();
  }

  /**
   * Another pass, as soon as there is none: this node has just joined partitions. It was brought what others had when they were scanned
   * (P16); what was written since is at W stores, and what it lacks of that was no damage until now.
   */
  again(): void {
    this.#isDueAnyway = true;
  }

  /** Begins a pass now, from the beginning; returns its number. */
  force(): number {
    const state = this.#begin(true);
    this.#wake?.();
    return state.pass;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
  }

  #isDue({ startedAtMs }: ScrubState): boolean {
    const elapsedMs = this.#parts.runtime.clock.wallMs() - startedAtMs;
    return this.#isDueAnyway || elapsedMs < 0 || elapsedMs >= this.#parts.periodMs; // a clock that was set back: who knows when it was
  }

  #begin(forced: boolean): ScrubState {
    const { alarms, damages, runtime, store } = this.#parts;
    const state = newPass((this.#state?.pass ?? 0) + 1, forced, runtime.clock.wallMs(), store.sequence);
    this.#state = state;
    this.#isDueAnyway = false;
    this.#foundBefore = damages.foundCount;
    this.#mendedBefore = damages.mendedCount;
    alarms.clear("unreadable", "");
    this.#run();
    return state;
  }

  #run(): void {
    this.#bytesTotal = this.#parts.store.usage().bytes;
    this.#running ??= this.#pass()
      .catch(this.#parts.onFatal)
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #pass(): Promise<void> {
    const { clock } = this.#parts.runtime;
    while (!this.#stopped) {
      const state = this.#state;
      if (state === undefined || state.finishedAtMs > 0) return;
      if (this.isAside || !this.#parts.mender.hasRoom) {
        await this.#sleep(SCRUB_ASIDE_MS);
        continue;
      }
      const beganMs = clock.monotonicMs();
      const before = state.bytes;
      const over = state.phase === "rows" ? await this.#rows(state) : await this.#chunks(state);
      if (over && state.phase === "rows") state.phase = "chunks";
      else if (over && this.#state === state) {
        this.#state = { ...state, finishedAtMs: Math.max(1, clock.wallMs()) };
        await this.#save();
        return;
      }
      if (clock.monotonicMs() - this.#savedMs > SCRUB_SAVE_MS) await this.#save();
      const nowMs = clock.monotonicMs();
      const dueMs = beganMs + ((state.bytes - before) * 1000) / this.#bytesPerSec(state);
      await this.#sleep(Math.max(1, dueMs - nowMs, this.#politePauseMs(state, nowMs - beganMs)));
    }
  }

  /** Reading and verifying hold up the event loop, and the disk, that clients wait for: a forced pass gives way without standing still. */
  #politePauseMs({ forced }: ScrubState, tookMs: number): number {
    return forced && this.#parts.isBusy() ? tookMs * (1 / SCRUB_BUSY_SHARE - 1) : 0;
  }

  #bytesPerSec({ forced }: ScrubState): number {
    if (forced) return this.#parts.isBusy() ? SCRUB_RATE_MAX_BYTES : SCRUB_FORCED_RATE_BYTES;
    const wanted = (this.#bytesTotal * 1000) / (this.#parts.periodMs * SCRUB_AIM_SHARE);
    return Math.min(SCRUB_RATE_MAX_BYTES, Math.max(SCRUB_RATE_MIN_BYTES, wanted));
  }

  /** Written along with whatever is being committed. A full disk keeps the place from being written down, and nothing else. */
  async #save(): Promise<void> {
    const { replica, runtime } = this.#parts;
    if (this.#state === undefined) return;
    this.#savedMs = runtime.clock.monotonicMs();
    const scrub = formatScrubState({ ...this.#state, found: this.found, mended: this.mended });
    try {
      await replica.write({ scrub });
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      runtime.log.debug("the scrub's place could not be written down", { why: messageOf(error) });
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.runtime.timers.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  // ---------------------------------------------------------------------------------------------------------- rows

  /** The next rows; true when there are no more. */
  async #rows(state: ScrubState): Promise<boolean> {
    const { alarms, store } = this.#parts;
    let rows: readonly StoredRow[];
    try {
      rows = store.rowsAfter(state.afterRow, state.throughRow, SCRUB_ROWS);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      alarms.raise("unreadable", "", `the scrub cannot read the database: ${messageOf(error)}`);
      state.afterRow = Math.max(0, state.afterRow) + SCRUB_ROWS; // what can be read beyond is worth it
      return state.afterRow >= state.throughRow;
    }
    const { maps } = this.#parts;
    const ours = (path: Path): boolean => maps.numberOf(path) !== undefined; // what was left goes by itself (leftovers.ts)
    for (const row of rows) {
      state.afterRow = row.sequence;
      state.bytes += row.head.length + (row.content?.length ?? 0);
      if (ours(row.path) && !(await this.#isWhole(row, state))) this.#parts.mender.suspect(row.path);
    }
    for (const { path, head, held } of rows) if (held !== undefined && ours(path)) await this.#askStores(path, head);
    return rows.length === 0;
  }

  async #isWhole(row: StoredRow, state: ScrubState): Promise<boolean> {
    if (row.held !== undefined) state.files += 1;
    if (headFlaw(row) !== undefined) return false;
    const head = headCodec.decode(row.head);
    if (isInline(head.current)) {
      state.contents += 1;
      if (contentFlaw(row.content, head.current) !== undefined) return false;
    }
    return row.held === undefined || (await this.#parts.mender.holdsAll(head, row.path, row.held));
  }

  #storesOf(chunk: string): readonly NodeNumber[] {
    const { map } = this.#parts.maps;
    const configuration = map.partitions[chunkPartitionOf(map, chunk)];
    return configuration === undefined ? [] : replicasOf(configuration);
  }

  /** Stores of a file's chunks that are no replicas of it do not know what they lack: its replicas ask them. */
  async #askStores(path: Path, bytes: Uint8Array): Promise<void> {
    const { maps } = this.#parts;
    const configuration = maps.map.partitions[partitionOf(maps.map, path)];
    const replicas = configuration === undefined ? [] : replicasOf(configuration);
    if (maps.map.nodes.length <= replicas.length) return;
    const wanted = new Map<NodeNumber, Map<string, number[]>>();
    for (const version of storedVersions(bytes)) {
      for (const [index, { chunk }] of chunksNamed(version).entries()) {
        const upload = version.chunks?.upload ?? "";
        for (const node of this.#storesOf(chunk)) {
          if (replicas.includes(node)) continue;
          const uploads = wanted.get(node) ?? new Map<string, number[]>();
          wanted.set(node, uploads.set(upload, [...(uploads.get(upload) ?? []), index]));
        }
      }
    }
    for (const [node, uploads] of wanted) {
      for (const [upload, indexes] of uploads) await this.#askStore(node, path, upload, indexes);
    }
  }

  async #askStore(node: NodeNumber, path: Path, upload: string, indexes: readonly number[]): Promise<void> {
    const { maps, peers } = this.#parts;
    const { map } = maps;
    const configurations = indexes.map((index) => map.partitions[chunkPartitionOf(map, `${upload}-${index}`)]?.number ?? 0);
    try {
      const { confirmed } = await peers.call(node, 0, { confirm: { path, upload, indexes, configurations } }, CONTROL_CALL_MS);
      if (confirmed && confirmed.missing.length > 0) await peers.call(node, 0, { suspect: { path } }, CONTROL_CALL_MS);
    } catch (error) {
      if (codeOf(error) === undefined) throw error; // it will be asked again in the next pass
    }
  }

  // -------------------------------------------------------------------------------------------------------- chunks

  /** The next chunk files; true when there are no more. */
  async #chunks(state: ScrubState): Promise<boolean> {
    const { chunks, maps, replica, store } = this.#parts;
    const rows = await replica.lookThrough(() => store.chunksAfter(state.afterChunk, SCRUB_CHUNKS));
    const before = state.bytes;
    for (const row of rows) {
      if (this.#stopped || state.bytes - before >= SCRUB_STEP_BYTES) break;
      if (maps.numberOfPartition(chunkPartitionOf(maps.map, row.chunk)) !== undefined) await chunks.verify(row);
      state.afterChunk = row.chunk;
      state.bytes += row.sizeBytes;
      state.chunks += 1;
    }
    return rows.length === 0;
  }
}

function storedVersions(bytes: Uint8Array) {
  try {
    return versionsOf(headCodec.decode(bytes));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return []; // damaged: that is being seen to
  }
}
