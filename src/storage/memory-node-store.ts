/**
 * The node store without a disk, for tests and the simulator: shows what SqliteNodeStore shows, with a crash in reach. A
 * commit's transaction is applied at once; until its flush ends, `commitMs()` later, the registers, sequence, ceiling, map and
 * chunks of before are shown. A crash takes the transaction back, or keeps it though nobody was told, and forgets the chosen
 * marks that `maintain` had not saved.
 */

import { assert, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { compareUtf8 } from "../base/utf8-order.ts";
import type {
  AcceptWrite,
  ChunkId,
  ChunkRow,
  ContentWrite,
  Erasure,
  Followed,
  HeldFile,
  NodeStore,
  NodeWrites,
  StoredChange,
  StoredRegister,
  StoredRow,
  Timers,
  Trim,
} from "../ports.ts";
import { ABSENT, compareBallots, sameBallot } from "../register/ballot.ts";
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
  readonly #erased = new Map<Path, { readonly sequence: number; readonly ballot: Ballot }>();
  readonly #erasures = new Map<number, Erasure>();
  readonly #doomed = new Map<ChunkId, true>();
  #sequence = 0;
  #oldest = 0;
  #scrub: string | undefined;
  #ceiling = 0;
  #map: ClusterMap | undefined;
  #followed: Followed | undefined;
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

  /** The accepted value's row is gone, as if it had never been written: what was accepted before shows, if its row is still there. */
  loseAccepted(path: Path): void {
    const rows = this.#rows.get(path)?.slice(0, -1) ?? [];
    if (rows.length > 0) this.#rows.set(path, rows);
    else this.#rows.delete(path);
  }

  loseFile(path: Path): void {
    this.#rows.delete(path);
  }

  loseContent(path: Path, random: string): void {
    for (const row of this.#rows.get(path) ?? []) if (row.random === random) row.content = null;
  }

  loseChunk(chunk: ChunkId): void {
    this.#chunks.delete(chunk);
  }

  /** A commit is under way: what `content` shows of it may still be lost, and nothing is looked through. */
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
    this.#followed = writes.followed ?? this.#followed;
    this.#scrub = writes.scrub ?? this.#scrub;
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

  changesAfter(sequence: number, limit: number): readonly StoredChange[] {
    assert(this.#flushing === undefined, "the log is read between commits: rows that a flush replaces would be missing");
    if (sequence >= this.#sequence) return [];
    const changes: StoredChange[] = [];
    for (const [path, { sequence: at, ballot }] of this.#erased) {
      if (at > sequence && !this.#rows.has(path))
        changes.push({ sequence: at, path, ballot, head: NO_BYTES, chosen: true, erased: true });
    }
    for (const rows of this.#rows.values()) {
      const newest = rows.at(-1);
      if (newest !== undefined && newest.sequence > sequence) changes.push(newest);
    }
    return changes.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
  }

  pathsAfter(after: string, limit: number): readonly Path[] {
    assert(this.#flushing === undefined, "files are looked through between commits");
    const later = [...this.#rows.keys()].filter((path) => compareUtf8(path, after) > 0);
    return later.sort(compareUtf8).slice(0, limit);
  }

  held(path: Path): HeldFile | undefined {
    assert(this.#flushing === undefined, "files are looked through between commits");
    const newest = this.#rows.get(path)?.at(-1);
    if (newest === undefined) return undefined;
    const { sequence, ballot, head, chosen } = newest;
    return { path, sequence, ballot, head, chosen, contents: this.contents(path) };
  }

  chunksAfter(after: string, limit: number): readonly ChunkRow[] {
    assert(this.#flushing === undefined, "chunks are looked through between commits");
    const later = [...this.#chunks.values()].filter(({ chunk }) => compareUtf8(chunk, after) > 0);
    return later.sort((a, b) => compareUtf8(a.chunk, b.chunk)).slice(0, limit);
  }

  ceiling(): number {
    return this.#ceiling;
  }

  erasures(): ReadonlyMap<number, Erasure> {
    return this.#erasures;
  }

  doomed(): readonly ChunkId[] {
    return [...this.#doomed.keys()];
  }

  map(): ClusterMap | undefined {
    return this.#map;
  }

  followed(): Followed | undefined {
    return this.#followed;
  }

  cursor(diskId: string): number {
    return this.#cursors.get(diskId) ?? 0;
  }

  chunk(chunk: ChunkId): ChunkRow | undefined {
    return this.#flushing?.chunks.has(chunk) ? undefined : this.#chunks.get(chunk);
  }

  rowsAfter(after: number, through: number, limit: number): readonly StoredRow[] {
    const rows = [...this.#rows.values()].flat().filter(({ sequence }) => sequence > after && sequence <= through);
    return rows
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit)
      .map((row) => this.#stored(row));
  }

  rowsOf(path: Path): readonly StoredRow[] {
    assert(!this.#flushing?.before.has(path), "rows of a file are not asked for while an accept of it is being flushed (P1)");
    return (this.#rows.get(path) ?? []).map((row) => this.#stored(row));
  }

  #stored({ sequence, path, random, head, content }: Row): StoredRow {
    const rows = this.#rows.get(path) ?? [];
    const held = rows.at(-1)?.sequence === sequence ? rows.map((row) => row.random) : undefined;
    return { sequence, path, random, head, content, held };
  }

  scrub(): string | undefined {
    return this.#scrub;
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
    const contents = (writes.contents ?? []).reduce((sum, { content }) => sum + content.length, 0);
    const coming = writes.accepts.reduce((sum, accept) => sum + bytesOf(accept), contents);
    if (coming > 0 && this.usage().bytes + coming > this.bytesMax)
      throw new QdfsError("STORAGE_FULL", "the memory store has no room");
  }

  #transaction(writes: NodeWrites): Flushing {
    const undo: (() => void)[] = [];
    const sequence = this.#sequence;
    const before = new Map<Path, Row | undefined>();
    const { dropped = [], erased = [], contents = [] } = writes;
    for (const path of [
      ...dropped,
      ...erased.map((file) => file.path),
      ...[...writes.accepts, ...contents].map((write) => write.path),
    ])
      before.set(path, this.#rows.get(path)?.at(-1));
    for (const path of dropped) this.#put(this.#rows, path, undefined, undo);
    for (const { path, ballot } of erased) {
      this.#put(this.#rows, path, undefined, undo);
      this.#put(this.#erased, path, { sequence: ++this.#sequence, ballot }, undo);
    }
    for (const { partition, floor, forgotten } of writes.erasures ?? [])
      this.#put(this.#erasures, partition, { floor, forgotten }, undo);
    for (const chunk of [...(writes.spared ?? []), ...writes.droppedChunks]) this.#put(this.#doomed, chunk, undefined, undo);
    for (const chunk of writes.doomed ?? []) this.#put(this.#doomed, chunk, true, undo);
    for (const accept of writes.accepts) this.#put(this.#rows, accept.path, this.#accepted(accept), undo);
    for (const content of contents) {
      const rows = this.#rows.get(content.path);
      if (rows !== undefined) this.#put(this.#rows, content.path, this.#mended(rows, content), undo);
    }
    for (const trim of writes.trims) {
      const rows = this.#rows.get(trim.path);
      if (rows !== undefined) this.#put(this.#rows, trim.path, trimmed(rows, trim), undo);
    }
    for (const row of writes.chunks) this.#put(this.#chunks, row.chunk, { ...row }, undo);
    for (const chunk of writes.droppedChunks) this.#put(this.#chunks, chunk, undefined, undo);
    for (const { diskId, sequence: at } of writes.cursors ?? []) this.#put(this.#cursors, diskId, at, undo);
    if (writes.accepts.length + erased.length > 0) undo.push(() => this.#rewind(sequence));
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

  /** The accepted value stays the last row. */
  #mended(rows: readonly Row[], { path, random, head, content }: ContentWrite): readonly Row[] {
    const old = rows.find((row) => row.random === random);
    this.#oldest -= 1;
    const added = { path, sequence: this.#oldest, ballot: ABSENT, head, random, content, chosen: false };
    if (old === undefined) return [added, ...rows];
    return rows.map((row, at) => {
      if (row !== old) return row;
      const mended: Row = { ...row, head: at === rows.length - 1 ? row.head : head, content, chosen: false };
      if (row.chosen) this.#mark(mended);
      return mended;
    });
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

const NO_BYTES = new Uint8Array(0);

function trimmed(rows: readonly Row[], { ballot, keep }: Trim): readonly Row[] {
  const newest = rows.at(-1);
  return rows.filter((row) => row === newest || keep.includes(row.random) || compareBallots(row.ballot, ballot) >= 0);
}

function bytesOf({ head, content }: { readonly head: Uint8Array; readonly content: Uint8Array | null }): number {
  return head.length + (content?.length ?? 0);
}
