/**
 * What a node holds of partitions that are not, or not any more, its own. Of one that it joins everything goes with the adoption of the map
 * (P15, map-keeper.ts); of one that it has left after a while, when nobody goes by the old map any more.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { chunkPartitionOf, partitionOf } from "../cluster/map.ts";
import { LEFT_PARTITION_MS, SCAN_PAGE_MAX } from "../limits.ts";
import type { Cancel, ChunkId, NodeStore, Runtime } from "../ports.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";
import type { Leftovers } from "./turn.ts";

export interface LeftoverParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly replica: Replica;
  readonly maps: MapKeeper;
  readonly chunks: ChunkStore;
  readonly onFatal: (error: unknown) => void;
}

export class LeftoverSweep {
  readonly #parts: LeftoverParts;
  #cancel: Cancel = () => undefined;
  #stopped = false;
  #sweeping = false;

  constructor(parts: LeftoverParts) {
    this.#parts = parts;
  }

  /** Adopts a map, and drops in the same commit what is held here of the partitions that it has this node join. */
  async adopt(map: ClusterMap, joined: ReadonlySet<number>, inForce: () => void): Promise<void> {
    const { replica, chunks } = this.#parts;
    const held = joined.size === 0 ? NOTHING : await this.#held(map, (partition) => joined.has(partition));
    await chunks.drop(held.chunks, () => replica.adopt(map, held, inForce));
  }

  /** Looks for leftovers after a while; to be called at the start, and whenever a map was adopted. */
  later(): void {
    this.#cancel();
    this.#cancel = this.#parts.runtime.timers.after(LEFT_PARTITION_MS, () => void this.#sweep().catch(this.#parts.onFatal));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #sweep(): Promise<void> {
    const { maps, replica, chunks, runtime } = this.#parts;
    if (this.#stopped || this.#sweeping || maps.map.partitions.length === 0) return;
    this.#sweeping = true;
    try {
      const left = (partition: number): boolean => maps.numberOfPartition(partition) === undefined;
      const held = await this.#held(maps.map, left);
      for (let at = 0; at < Math.max(held.paths.length, held.chunks.length) && !this.#stopped; at += DROP_BATCH) {
        const some = held.chunks.slice(at, at + DROP_BATCH);
        const paths = held.paths.slice(at, at + DROP_BATCH);
        // Decided when its turn comes: the partition may have been joined again.
        const drops = (): Leftovers => ({
          paths: paths.filter((path) => left(partitionOf(maps.map, path))),
          chunks: some.filter((chunk) => left(chunkPartitionOf(maps.map, chunk))),
        });
        await chunks.drop(some, () => replica.drop(drops));
      }
      if (held.paths.length + held.chunks.length > 0)
        runtime.log.info("dropped what belongs to other nodes now", { files: held.paths.length, chunks: held.chunks.length });
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      runtime.log.warn("what belongs to other nodes now could not be dropped", { why: messageOf(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  /** Everything that is held of these partitions. */
  async #held(map: ClusterMap, of: (partition: number) => boolean): Promise<Leftovers> {
    const { store, replica } = this.#parts;
    const paths: Path[] = [];
    for (let page = await replica.lookThrough(() => store.pathsAfter("", SCAN_PAGE_MAX)); page.length > 0; ) {
      paths.push(...page.filter((path) => of(partitionOf(map, path))));
      const after = page.at(-1) ?? "";
      page = await replica.lookThrough(() => store.pathsAfter(after, SCAN_PAGE_MAX));
    }
    const chunks: ChunkId[] = [];
    for (let page = await replica.lookThrough(() => store.chunksAfter("", SCAN_PAGE_MAX)); page.length > 0; ) {
      for (const { chunk } of page) if (of(chunkPartitionOf(map, chunk))) chunks.push(chunk);
      const after = page.at(-1)?.chunk ?? "";
      page = await replica.lookThrough(() => store.chunksAfter(after, SCAN_PAGE_MAX));
    }
    return { paths, chunks };
  }
}

const NOTHING: Leftovers = { paths: [], chunks: [] };
/** Files, and chunks, that go in one commit. */
const DROP_BATCH = 500;
