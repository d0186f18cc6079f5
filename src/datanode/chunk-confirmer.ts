/**
 * P21: before a head is proposed, and after phase 1, W stores of every chunk it names confirm that they hold it durably and
 * have not doomed it. One batch per store, however many chunks. They are asked in the configuration of the chunk's own partition (P16).
 * A store that lacks one (it lagged, or has just joined) is asked to take it from the others where W would fall short.
 */

import { CHECKSUM_BYTES, formatChecksum } from "../base/checksum.ts";
import { messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, replicasOf } from "../cluster/map.ts";
import { isOvertaken } from "../cluster/stale.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { Tally, writeNeed } from "../register/quorum.ts";
import type { ChunkList, Version } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";

/** One chunk of the version, and who confirms it. */
interface Wanted {
  readonly index: number;
  readonly chunk: string;
  readonly partition: number;
  readonly number: number;
  readonly tally: Tally;
  /** Stores that answered that they lack it. */
  readonly lacking: NodeNumber[];
}

export class ChunkConfirmer {
  readonly #maps: MapKeeper;
  readonly #peers: Peers;

  constructor(maps: MapKeeper, peers: Peers) {
    this.#maps = maps;
    this.#peers = peers;
  }

  /** @throws QdfsError CHUNKS_MISSING with the arithmetic of the chunk that falls short */
  async confirm(path: Path, { chunks }: Version): Promise<void> {
    if (chunks === null) return;
    const byStore = new Map<NodeNumber, Wanted[]>();
    const wanted = this.#wanted(chunks, byStore);
    await Promise.all([...byStore].map(([node, some]) => this.#ask(node, path, chunks.upload, some)));
    const short = wanted.filter(({ tally }) => tally.vote() !== "won");
    await Promise.all(short.flatMap((one) => one.lacking.map((node) => this.#take(node, path, chunks, one))));
    const missing = short.find(({ tally }) => tally.vote() !== "won");
    if (missing === undefined) return;
    const { message, details } = missing.tally.unavailable(`chunk ${missing.index} of ${path}`);
    throw new QdfsError("CHUNKS_MISSING", message, details);
  }

  #wanted({ upload, checksums }: ChunkList, byStore: Map<NodeNumber, Wanted[]>): readonly Wanted[] {
    const { map } = this.#maps;
    return Array.from({ length: checksums.length / CHECKSUM_BYTES }, (_, index) => {
      const chunk = `${upload}-${index}`;
      const partition = chunkPartitionOf(map, chunk);
      const configuration = configurationOf(map, partition);
      const tally = new Tally(configuration, writeNeed);
      const one: Wanted = { index, chunk, partition, number: configuration.number, tally, lacking: [] };
      for (const node of replicasOf(configuration)) {
        const some = byStore.get(node);
        if (some === undefined) byStore.set(node, [one]);
        else some.push(one);
      }
      return one;
    });
  }

  async #ask(node: NodeNumber, path: Path, upload: string, some: readonly Wanted[]): Promise<void> {
    const indexes = some.map(({ index }) => index);
    const confirm = { path, upload, indexes, configurations: some.map(({ number }) => number) };
    try {
      const { confirmed } = await this.#peers.call(node, 0, { confirm }, QUORUM_PATIENCE_MS);
      const missing = new Set(confirmed?.missing ?? indexes);
      for (const { index, tally, lacking } of some) {
        if (!missing.has(index)) tally.yes(node);
        else {
          tally.no(node, "does not hold it");
          lacking.push(node);
        }
      }
    } catch (error) {
      this.#failed(error);
      for (const { tally } of some) tally.no(node, messageOf(error));
    }
  }

  async #take(node: NodeNumber, owner: Path, { checksums }: ChunkList, { index, chunk, partition, number, tally }: Wanted) {
    const sums = new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength);
    const checksum = formatChecksum(sums.getBigUint64(index * CHECKSUM_BYTES));
    try {
      const take = { of: { partition, number }, chunks: [{ chunk, owner, checksum }] };
      const { taken } = await this.#peers.call(node, 0, { take }, QUORUM_PATIENCE_MS);
      if (taken && taken.missing.length + taken.lost.length === 0) tally.yes(node);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof QdfsError)) throw error;
    if (isOvertaken(error)) void this.#maps.seekNewer();
  }
}
