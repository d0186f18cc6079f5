/**
 * P21: before a head is proposed, and after phase 1, W stores of every chunk it names confirm that they hold it durably and
 * have not doomed it. One batch per store, however many chunks.
 */

import { CHECKSUM_BYTES } from "../base/checksum.ts";
import { messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, replicasOf } from "../cluster/map.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { Tally, writeNeed } from "../register/quorum.ts";
import type { Version } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";

/** Answers for this node's own store: which of the chunks it does not hold. */
export type OwnChunks = (path: Path, upload: string, indexes: readonly number[]) => number[];

export class ChunkConfirmer {
  readonly #maps: MapKeeper;
  readonly #peers: Peers;

  constructor(maps: MapKeeper, peers: Peers) {
    this.#maps = maps;
    this.#peers = peers;
  }

  /** @throws QdfsError CHUNKS_MISSING with the arithmetic of the chunk that falls short */
  async confirm(path: Path, version: Version): Promise<void> {
    if (version.chunks === null) return;
    const { upload, checksums } = version.chunks;
    const chunkCount = checksums.length / CHECKSUM_BYTES;
    const tallies: Tally[] = [];
    const byStore = new Map<NodeNumber, number[]>();
    for (let index = 0; index < chunkCount; index += 1) {
      const configuration = configurationOf(this.#maps.map, chunkPartitionOf(this.#maps.map, `${upload}-${index}`));
      tallies.push(new Tally(configuration, writeNeed));
      for (const node of replicasOf(configuration)) {
        const indexes = byStore.get(node);
        if (indexes === undefined) byStore.set(node, [index]);
        else indexes.push(index);
      }
    }
    await Promise.all([...byStore].map(([node, indexes]) => this.#ask(node, path, upload, indexes, tallies)));
    for (const [index, tally] of tallies.entries()) {
      if (tally.vote() === "won") continue;
      const { message, details } = tally.unavailable(`chunk ${index} of ${path}`);
      throw new QdfsError("CHUNKS_MISSING", message, details);
    }
  }

  async #ask(node: NodeNumber, path: Path, upload: string, indexes: readonly number[], tallies: readonly Tally[]): Promise<void> {
    try {
      const { confirmed } = await this.#peers.call(node, 0, { confirm: { path, upload, indexes } }, QUORUM_PATIENCE_MS);
      const missing = new Set(confirmed?.missing ?? indexes);
      for (const index of indexes) {
        if (missing.has(index)) tallies[index]?.no(node, "does not hold it");
        else tallies[index]?.yes(node);
      }
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      for (const index of indexes) tallies[index]?.no(node, messageOf(error));
    }
  }
}
