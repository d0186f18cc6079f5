/**
 * The node store without a disk, for tests and the simulator: shows what SqliteNodeStore shows, with a crash in reach. A
 * commit's transaction is applied at once; until its flush ends, `commitMs()` later, the registers, sequence, ceiling, map and
 * chunks of before are shown. A crash takes the transaction back, or keeps it though nobody was told, and forgets the chosen
 * marks that `maintain` had not saved.
 */
import { assert, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { AcceptWrite, ChunkId, ChunkRow, NodeStore, NodeWrites, StoredRegister, Timers, Trim } from "../ports.ts";
import { compareBallots, sameBallot } from "../register/ballot.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";

interface Row {
  readonly path: Path;
  readonly sequence: number;
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  readonly random: string;
  content: Uint8Array | null;
  chosen: boolean;
}

export interface MemoryNodeStoreOptions {
  /** With timers, a commit is durable and resolves `commitMs()` later (0: on the spot); without, at once. */
  readonly timers?: Timers;
  readonly commitMs?: () => number;
  /** Bytes of heads and contents that fit; more is STORAGE_FULL. */
  readonly bytesMax?: number;
  /** Called when a commit has become durable, before anybody is told. */
  readonly onDurable?: (writes: NodeWrites) => void;
}

/** The commit whose flush is under way. */
interface Flushing {
  readonly writes: NodeWrites;
  readonly before: ReadonlyMap<Path, Row | undefined>;
  readonly chunks: ReadonlySet<ChunkId>;
  readonly sequence: number;
  /** Takes the transaction back. */
  readonly undo: readonly (() => void)[];
}

export class MemoryNodeStore implements NodeStore {
  readonly #options: MemoryNodeStoreOptions;
  /** By path, in the order of acceptance; never an empty list, and a list is never changed. */
  readonly #rows = new Map<Path, readonly Row[]>();
  readonly #chunks = new Map<ChunkId, ChunkRow>();
  readonly #cursors = new Map<string, number>();
  #sequence = 0;
  #ceiling = 0;
  #map: ClusterMap | undefined;
  #flushing: Flushing | undefined;
  /** Rows known chosen of which a crash forgets it. */
  #unsavedMarks: Row[] = [];
  #life = 0;
  bytesMax: number;

  constructor(options: MemoryNodeStoreOptions = {}) {
    this.#options = options;
    this.bytesMax = options.bytesMax ?? Number.POSITIVE_INFINITY;
  }

  /** Power loss. The commit under way never ends: it is lost, or `keep` that it had reached the disk. What was committed stays. */
  crash(keep = false): void {
    const flushing = this.#flushing;
    this.#flushing = undefined;
    this.#life += 1;
    if (flushing !== undefined) {
      if (keep) this.#durable(flushing.writes);
      else for (const undo of flushing.undo.toReversed()) undo();
    }
    for (const row of this.#unsavedMarks) row.chosen = false;
    this.#unsavedMarks = [];
  }

  /** Damages stored inline bytes, as a bad disk does. False: there is no such byte. */
  flipBit(path: Path, random: string, index: number): boolean {
    const row = this.#rows.get(path)?.find((candidate) => candidate.random === random);
    if (row?.content?.[index] === undefined) return false;
    row.content = row.content.map((byte, at) => (at === index ? byte ^ 1 : byte));
    return true;
  }

  /** A commit is under way: what `content` shows of it may still be lost. */
  get isFlushing(): boolean {
    return this.#flushing !== undefined;
  }

  /** Files held, in the order of their first acceptance. */
  paths(): readonly Path[] {
    return [...this.#rows.keys()];
  }

  /** The operations whose inline bytes are held for a file. */
  contents(path: Path): readonly string[] {
    return (this.#rows.get(path) ?? []).filter(({ content }) => content !== null).map(({ random }) => random);
  }

  register(path: Path): StoredRegister | undefined {
    const flushing = this.#flushing;
    return flushing?.before.has(path) ? flushing.before.get(path) : this.#rows.get(path)?.at(-1);
  }

  current(path: Path): (StoredRegister & { readonly content: Uint8Array | null }) | undefined {
    assert(!this.#flushing?.before.has(path), "bytes of a file are not asked for while an accept of it is being flushed (P1)");
    return this.#rows.get(path)?.at(-1);
  }

  content(path: Path, random: string): Uint8Array | undefined {
    return this.#rows.get(path)?.find((row) => row.random === random)?.content ?? undefined;
  }

  commit(writes: NodeWrites): Promise<void> {
    assert(this.#flushing === undefined, "one commit at a time");
    const { timers, commitMs = () => 1 } = this.#options;
    return new Promise((resolve, reject) => {
      try {
        this.#refuseWhenFull(writes);
      } catch (error) {
        reject(error);
        return;
      }
      const flushing = this.#transaction(writes);
      const end = (): void => {
        this.#flushing = undefined;
        this.#durable(writes);
        resolve();
      };
      const delayMs = timers === undefined ? 0 : commitMs();
      if (timers === undefined || delayMs === 0) {
        end();
        return;
      }
      this.#flushing = flushing;
      const life = this.#life;
      timers.after(delayMs, () => {
        if (life === this.#life) end();
      });
    });
  }

  #durable(writes: NodeWrites): void {
    this.#ceiling = writes.ceiling ?? this.#ceiling;
    this.#map = writes.map ?? this.#map;
    this.#options.onDurable?.(writes);
  }

  choose(path: Path, ballot: Ballot): boolean {
    const flushing = this.#flushing;
    const row = flushing?.before.has(path) ? flushing.before.get(path) : this.#rows.get(path)?.at(-1);
    if (row === undefined || !sameBallot(row.ballot, ballot)) return false;
    this.#mark(row);
    return true;
  }

  #mark(row: Row): void {
    if (row.chosen) return;
    row.chosen = true;
    this.#unsavedMarks.push(row);
  }

  get sequence(): number {
    return this.#flushing?.sequence ?? this.#sequence;
  }

  changesAfter(sequence: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    assert(this.#flushing === undefined, "the log is read between commits: rows that a flush replaces would be missing");
    if (sequence >= this.#sequence) return [];
    const changes: Row[] = [];
    for (const rows of this.#rows.values()) {
      const newest = rows.at(-1);
      if (newest !== undefined && newest.sequence > sequence) changes.push(newest);
    }
    return changes.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
  }

  ceiling(): number {
    return this.#ceiling;
  }

  map(): ClusterMap | undefined {
    return this.#map;
  }

  cursor(diskId: string): number {
    return this.#cursors.get(diskId) ?? 0;
  }

  chunk(chunk: ChunkId): ChunkRow | undefined {
    return this.#flushing?.chunks.has(chunk) ? undefined : this.#chunks.get(chunk);
  }

  usage(): { readonly files: number; readonly bytes: number } {
    let bytes = 0;
    for (const rows of this.#rows.values()) for (const row of rows) bytes += bytesOf(row);
    for (const { sizeBytes } of this.#chunks.values()) bytes += sizeBytes;
    return { files: this.#rows.size, bytes };
  }

  /** Saves the chosen marks. */
  maintain(): void {
    this.#unsavedMarks = [];
  }

  close(): void {
    this.maintain();
    this.crash();
  }

  #refuseWhenFull(writes: NodeWrites): void {
    if (this.bytesMax === Number.POSITIVE_INFINITY) return;
    const coming = writes.accepts.reduce((sum, accept) => sum + bytesOf(accept), 0);
    if (coming > 0 && this.usage().bytes + coming > this.bytesMax)
      throw new QdfsError("STORAGE_FULL", "the memory store has no room");
  }

  #transaction(writes: NodeWrites): Flushing {
    const undo: (() => void)[] = [];
    const sequence = this.#sequence;
    const before = new Map<Path, Row | undefined>();
    for (const { path } of writes.accepts) before.set(path, this.#rows.get(path)?.at(-1));
    for (const accept of writes.accepts) this.#put(this.#rows, accept.path, this.#accepted(accept), undo);
    for (const trim of writes.trims) {
      const rows = this.#rows.get(trim.path);
      if (rows !== undefined) this.#put(this.#rows, trim.path, trimmed(rows, trim), undo);
    }
    for (const row of writes.chunks) this.#put(this.#chunks, row.chunk, { ...row }, undo);
    for (const chunk of writes.droppedChunks) this.#put(this.#chunks, chunk, undefined, undo);
    for (const { diskId, sequence: at } of writes.cursors ?? []) this.#put(this.#cursors, diskId, at, undo);
    if (writes.accepts.length > 0) undo.push(() => this.#rewind(sequence));
    return { writes, before, chunks: new Set(writes.chunks.map(({ chunk }) => chunk)), sequence, undo };
  }

  #rewind(sequence: number): void {
    this.#sequence = sequence;
  }

  #put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined, undo: (() => void)[]): void {
    const old = map.get(key);
    undo.push(() => void (old === undefined ? map.delete(key) : map.set(key, old)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  #accepted({ path, ballot, head, random, content, chosen }: AcceptWrite): readonly Row[] {
    const rows = this.#rows.get(path) ?? [];
    const before = rows.at(-1);
    const known = chosen || (before?.chosen === true && sameBallot(before.ballot, ballot));
    // A settle that brings no bytes must not lose those that are here.
    const bytes = content ?? this.content(path, random) ?? null;
    const row: Row = { path, sequence: ++this.#sequence, ballot, head, random, content: bytes, chosen: false };
    if (known) this.#mark(row);
    return [...rows.filter((other) => other.random !== random), row];
  }
}

function trimmed(rows: readonly Row[], { ballot, keep }: Trim): readonly Row[] {
  const newest = rows.at(-1);
  return rows.filter((row) => row === newest || keep.includes(row.random) || compareBallots(row.ballot, ballot) >= 0);
}

function bytesOf({ head, content }: { readonly head: Uint8Array; readonly content: Uint8Array | null }): number {
  return head.length + (content?.length ?? 0);
}
