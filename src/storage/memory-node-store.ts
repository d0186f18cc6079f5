/**
 * The node store without a disk, for tests and the simulator: what SqliteNodeStore does, with a crash in reach. Commits
 * take effect one after the other, each at a moment of its own when timers are given.
 */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { AcceptWrite, ChunkId, ChunkRow, NodeStore, NodeWrites, StoredRegister, Timers, Trim } from "../ports.ts";
import { compareBallots, sameBallot } from "../register/ballot.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";

interface Row extends StoredRegister {
  readonly path: Path;
  readonly random: string;
  readonly content: Uint8Array | null;
}

export interface MemoryNodeStoreOptions {
  /** With timers, a commit takes effect and resolves `commitMs()` later; without, at once. */
  readonly timers?: Timers;
  readonly commitMs?: () => number;
  /** Bytes of heads and contents that fit; more is STORAGE_FULL. */
  readonly bytesMax?: number;
}

interface Waiting {
  readonly writes: NodeWrites;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class MemoryNodeStore implements NodeStore {
  readonly #options: MemoryNodeStoreOptions;
  /** By path, in the order of acceptance; never an empty list. */
  #rows = new Map<Path, Row[]>();
  #chunks = new Map<ChunkId, ChunkRow>();
  #cursors = new Map<string, number>();
  #sequence = 0;
  #ceiling = 0;
  #map: ClusterMap | undefined;
  #waiting: Waiting[] = [];
  #life = 0;

  constructor(options: MemoryNodeStoreOptions = {}) {
    this.#options = options;
  }

  /** Power loss: commits that have not taken effect never will, nor do their promises end. What was committed stays. */
  crash(): void {
    this.#waiting = [];
    this.#life += 1;
  }

  register(path: Path): StoredRegister | undefined {
    return this.#rows.get(path)?.at(-1);
  }

  current(path: Path): (StoredRegister & { readonly content: Uint8Array | null }) | undefined {
    return this.#rows.get(path)?.at(-1);
  }

  content(path: Path, random: string): Uint8Array | undefined {
    return this.#rows.get(path)?.find((row) => row.random === random)?.content ?? undefined;
  }

  async commit(writes: NodeWrites): Promise<void> {
    const { timers, commitMs } = this.#options;
    if (timers === undefined) return this.#apply(writes);
    return new Promise((done, failed) => {
      this.#waiting.push({ writes, done, failed });
      if (this.#waiting.length === 1) this.#next(timers, commitMs ?? (() => 1));
    });
  }

  get sequence(): number {
    return this.#sequence;
  }

  changesAfter(sequence: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    const newest = [...this.#rows.values()].flatMap((rows) => rows.slice(-1));
    return newest
      .filter((row) => row.sequence > sequence)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit);
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
    return this.#chunks.get(chunk);
  }

  usage(): { readonly files: number; readonly bytes: number } {
    let bytes = 0;
    for (const rows of this.#rows.values()) for (const row of rows) bytes += bytesOf(row);
    for (const { sizeBytes } of this.#chunks.values()) bytes += sizeBytes;
    return { files: this.#rows.size, bytes };
  }

  maintain(): void {}

  close(): void {
    this.crash();
  }

  #next(timers: Timers, commitMs: () => number): void {
    const life = this.#life;
    timers.after(commitMs(), () => {
      if (life !== this.#life) return;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      try {
        this.#apply(waiting.writes);
        waiting.done();
      } catch (error) {
        waiting.failed(error);
      }
      if (this.#waiting.length > 0) this.#next(timers, commitMs);
    });
  }

  #apply(writes: NodeWrites): void {
    this.#refuseWhenFull(writes);
    for (const accept of writes.accepts) this.#accept(accept);
    for (const trim of writes.trims) this.#trim(trim);
    for (const chunk of writes.chunks) this.#chunks.set(chunk.chunk, { ...chunk });
    for (const chunk of writes.droppedChunks) this.#chunks.delete(chunk);
    this.#ceiling = writes.ceiling ?? this.#ceiling;
    this.#map = writes.map ?? this.#map;
    for (const { diskId, sequence } of writes.cursors ?? []) this.#cursors.set(diskId, sequence);
  }

  #refuseWhenFull(writes: NodeWrites): void {
    const { bytesMax } = this.#options;
    if (bytesMax === undefined) return;
    const coming = writes.accepts.reduce((sum, accept) => sum + bytesOf(accept), 0);
    if (coming > 0 && this.usage().bytes + coming > bytesMax) throw new QdfsError("STORAGE_FULL", "the memory store has no room");
  }

  #accept({ path, ballot, head, random, content, chosen }: AcceptWrite): void {
    const rows = this.#rows.get(path) ?? [];
    const before = rows.at(-1);
    const row: Row = {
      path,
      sequence: ++this.#sequence,
      ballot: { ...ballot },
      head: new Uint8Array(head),
      random,
      content: content ? new Uint8Array(content) : (this.content(path, random) ?? null),
      chosen: chosen || (before?.chosen === true && sameBallot(before.ballot, ballot)),
    };
    this.#rows.set(path, [...rows.filter((other) => other.random !== random), row]);
  }

  choose(path: Path, ballot: Ballot): boolean {
    const rows = this.#rows.get(path) ?? [];
    const row = rows.at(-1);
    if (row === undefined || !sameBallot(row.ballot, ballot)) return false;
    this.#rows.set(path, [...rows.slice(0, -1), { ...row, chosen: true }]);
    return true;
  }

  #trim({ path, ballot, keep }: Trim): void {
    const rows = this.#rows.get(path) ?? [];
    const stays = (row: Row) => row === rows.at(-1) || keep.includes(row.random) || compareBallots(row.ballot, ballot) >= 0;
    if (rows.length > 0) this.#rows.set(path, rows.filter(stays));
  }
}

function bytesOf({ head, content }: { readonly head: Uint8Array; readonly content: Uint8Array | null }): number {
  return head.length + (content?.length ?? 0);
}
