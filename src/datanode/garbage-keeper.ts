/** What a DataNode does about garbage in the background: tombstones (eraser.ts), chunks (chunk-collector.ts), and what it tells of both. */

import type { ChunkId, NodeStore, Runtime } from "../ports.ts";
import type { Garbage } from "../wire/garbage-messages.ts";
import { ChunkCollector } from "./chunk-collector.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Coordinator } from "./coordinator.ts";
import { Eraser } from "./eraser.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export class GarbageKeeper {
  readonly #eraser: Eraser;
  readonly #collector: ChunkCollector;
  readonly #chunks: ChunkStore;

  constructor(parts: {
    readonly runtime: Runtime;
    readonly store: NodeStore;
    readonly maps: MapKeeper;
    readonly peers: Peers;
    readonly replica: Replica;
    readonly coordinator: Coordinator;
    readonly chunks: ChunkStore;
    readonly onFatal: (error: unknown) => void;
  }) {
    this.#eraser = new Eraser(parts);
    this.#collector = new ChunkCollector(parts);
    this.#chunks = parts.chunks;
  }

  start(): void {
    this.#eraser.start();
    this.#collector.start();
  }

  /** What is under way ends at the next file. */
  stop(): void {
    this.#eraser.stop();
    this.#collector.stop();
  }

  async idle(): Promise<void> {
    await Promise.all([this.#eraser.idle(), this.#collector.idle()]);
  }

  /** A chunk was put here. */
  arrived(chunk: ChunkId): void {
    this.#collector.arrived(chunk.slice(0, chunk.indexOf("-")));
  }

  report(): Garbage {
    const { orphans, collectedCount, collectedBytes } = this.#collector;
    const { doomed } = this.#chunks;
    return {
      orphanChunks: orphans.chunks,
      orphanBytes: orphans.sizeBytes,
      doomedChunks: doomed.chunks,
      doomedBytes: doomed.sizeBytes,
      tombstones: this.#eraser.waiting,
      collectedChunks: collectedCount,
      collectedBytes,
      erasedTombstones: this.#eraser.erasedCount,
      waitsFor: this.#eraser.waitsFor,
    };
  }

  /** Name, what it is, value. */
  metrics(): [string, string, number][] {
    const report = this.report();
    return [
      ["qdfs_tombstones", "Deleted files that are not erased yet.", report.tombstones],
      ["qdfs_tombstones_erased_total", "Deleted files that this node had erased.", report.erasedTombstones],
      ["qdfs_orphan_chunks", "Chunks that no version named when they were looked at.", report.orphanChunks],
      ["qdfs_orphan_bytes", "Bytes of these chunks.", report.orphanBytes],
      ["qdfs_doomed_chunks", "Chunks that are about to be deleted.", report.doomedChunks],
      ["qdfs_collected_chunks_total", "Chunks that were deleted because no version names them.", report.collectedChunks],
      ["qdfs_collected_bytes_total", "Bytes of these chunks.", report.collectedBytes],
    ];
  }
}
