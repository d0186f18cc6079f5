/** The disk of a simulated DataNode: what outlives its process, and what the process sees of it. */
import type { NodeNumber } from "../base/ids.ts";
import type { ChunkFiles, NodeStore, NodeWrites, Random, Timers } from "../ports.ts";
import { MemoryChunkFiles } from "../storage/memory-chunk-files.ts";
import { MemoryNodeStore } from "../storage/memory-node-store.ts";
import { type Life, never } from "./life.ts";

export interface DiskOptions {
  readonly diskId: string;
  readonly timers: Timers;
  readonly random: Random;
  readonly onDurable: (disk: Disk, writes: NodeWrites) => void;
}

/** How long a flush takes at most, usually. */
const FLUSH_MS = 0.6;
/** Of the flushes that end on the spot, as SQLite's of small commits do. */
const AT_ONCE_SHARE = 0.3;

export class Disk {
  readonly diskId: string;
  readonly store: MemoryNodeStore;
  readonly files: MemoryChunkFiles;
  /** The identity file: 0, not admitted yet. */
  number: NodeNumber = 0;
  /** Files and chunks of which it lost rows (row-loss.ts). */
  readonly lost = new Set<string>();
  /** Every flush takes so many times longer. */
  slowness = 1;
  #epoch = 0;

  constructor({ diskId, timers, random, onDurable }: DiskOptions) {
    this.diskId = diskId;
    this.store = new MemoryNodeStore({
      timers,
      commitMs: () => (random.unit() < AT_ONCE_SHARE ? 0 : random.unit() * FLUSH_MS * this.slowness),
      onDurable: (writes) => onDurable(this, writes),
    });
    const flushed = (): Promise<void> => {
      const epoch = this.#epoch;
      const delayMs = random.unit() * FLUSH_MS * this.slowness;
      return new Promise((resolve) => timers.after(delayMs, () => epoch === this.#epoch && resolve()));
    };
    this.files = new MemoryChunkFiles(Number.MAX_SAFE_INTEGER, flushed);
  }

  /** Its process has died; what was not durable is lost, but for the commit under way if `keep`. */
  crash(keep: boolean): void {
    this.#epoch += 1;
    this.store.crash(keep);
  }
}

/** The store as one process sees it: not beyond its death. */
export function storeOf({ store }: Disk, life: Life): NodeStore {
  return {
    register: (path) => store.register(path),
    current: (path) => store.current(path),
    content: (path, random) => store.content(path, random),
    commit: (writes) => {
      life.use();
      return life.over ? never() : store.commit(writes).finally(() => life.awake());
    },
    choose: (path, ballot) => !life.over && store.choose(path, ballot),
    get sequence() {
      return store.sequence;
    },
    changesAfter: (sequence, limit) => store.changesAfter(sequence, limit),
    pathsAfter: (after, limit) => store.pathsAfter(after, limit),
    held: (path) => store.held(path),
    ceiling: () => store.ceiling(),
    erasures: () => store.erasures(),
    doomed: () => store.doomed(),
    map: () => store.map(),
    followed: () => store.followed(),
    cursor: (diskId) => store.cursor(diskId),
    chunk: (chunk) => store.chunk(chunk),
    rowsAfter: (after, through, limit) => store.rowsAfter(after, through, limit),
    rowsOf: (path) => store.rowsOf(path),
    chunksAfter: (after, limit) => store.chunksAfter(after, limit),
    scrub: () => store.scrub(),
    usage: () => store.usage(),
    maintain: () => {
      if (!life.over) store.maintain();
    },
    close: () => {},
  };
}

/** The chunk files as one process sees them. */
export function filesOf({ files }: Disk, life: Life): ChunkFiles {
  const alive = <T>(run: () => Promise<T>): Promise<T> => {
    life.use();
    return life.over ? never() : run();
  };
  return {
    write: (chunk, body, checksum, sizeBytesMax, indexed) =>
      alive(() => files.write(chunk, body, checksum, sizeBytesMax, indexed)),
    read: (chunk) => alive(() => files.read(chunk)),
    blob: (chunk) => files.blob(chunk),
    quarantine: (chunk) => alive(() => files.quarantine(chunk)),
    quarantined: () => files.quarantined(),
    remove: (chunk) => alive(() => files.remove(chunk)),
    freeBytes: () => files.freeBytes(),
  };
}
