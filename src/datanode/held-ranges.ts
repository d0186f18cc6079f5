/**
 * What this node holds of the partitions that it shares with another one, in the order of names, as digests of ranges. Two that share a
 * partition are its replicas in one and the same configuration, which is not joint: whoever joins one that changes is brought everything by
 * the rescan. Whether they share it both must see alike, so they compare only while they go by the very same map.
 *
 * The ranges are of names, not of hashes: that is how the store keeps them, so a range is read in one go, nothing is kept
 * in memory, and a comparison may begin and end anywhere. Read from the disk, a page at a time, between commits.
 */

import { codeOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { compareUtf8 } from "../base/utf8-order.ts";
import { chunkPartitionOf, isNewerMap, partitionOf } from "../cluster/map.ts";
import { staleError } from "../cluster/stale.ts";
import {
  BATCH_BYTES_MAX,
  COMPARE_ANSWER_MS,
  COMPARE_LOOK_MAX,
  COMPARE_RANGES_MAX,
  COMPARE_SLICE,
  COMPARE_TURN,
} from "../limits.ts";
import type { ChunkId, ChunkRow, HeldFile, NodeStore, Runtime } from "../ports.ts";
import type { Compare, Compared, HeldRange } from "../wire/entropy-messages.ts";
import { chunkDigest, DigestSum, fileDigest } from "./held-digest.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";

/** Of which names: files or chunks, after the one and up to the other ("": to the end). */
export interface Range {
  readonly chunks: boolean;
  readonly after: string;
  readonly through: string;
}

interface Held {
  readonly name: string;
  readonly digest: bigint;
  readonly what: HeldFile | ChunkRow;
}

/** Some names of the range, in order, and what is shared of them. `end`: no more follow. */
interface Slice {
  readonly looked: number;
  readonly last: string;
  readonly held: readonly Held[];
  readonly end: boolean;
}

export interface HeldRangesParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: Pick<MapKeeper, "map" | "self">;
  readonly replica: Pick<Replica, "betweenCommits">;
  /** Chunks that are about to be deleted (P22) are held no more. */
  readonly isDoomed: (chunk: ChunkId) => boolean;
}

export class HeldRanges {
  readonly #parts: HeldRangesParts;

  constructor(parts: HeldRangesParts) {
    this.#parts = parts;
  }

  /**
   * As many ranges as fit an answer, after looking at COMPARE_LOOK_MAX names at most, for COMPARE_ANSWER_MS.
   * @throws QdfsError CONFIGURATION_STALE: the asker goes by another map
   */
  async answer(asked: Compare): Promise<Compared> {
    this.#checkMap(asked);
    const { clock } = this.#parts.runtime;
    const endMs = clock.monotonicMs() + COMPARE_ANSWER_MS;
    const ranges: HeldRange[] = [];
    const size = Math.max(1, asked.size);
    let sum = new DigestSum();
    let after = asked.after;
    let sizeBytes = 0;
    for (let looked = 0; ; ) {
      const slice = await this.#slice(asked.node, { ...asked, after });
      this.#checkMap(asked); // it may have changed meanwhile
      looked += slice.looked;
      for (const { name, digest, what } of slice.held) {
        sum.add(digest);
        if (sum.count < size) continue;
        const range = { through: name, count: sum.count, digest: sum.bytes() };
        ranges.push(size === 1 ? { ...range, ...single(what) } : range);
        sizeBytes += RANGE_OVERHEAD_BYTES + 3 * (name.length + ("chunk" in what ? what.owner.length : 0));
        sum = new DigestSum();
        if (ranges.length >= COMPARE_RANGES_MAX || sizeBytes > BATCH_BYTES_MAX / 2) return { ranges, end: false };
      }
      after = slice.last;
      if (slice.end || looked >= COMPARE_LOOK_MAX || clock.monotonicMs() >= endMs) {
        const through = slice.end ? asked.through : after;
        if (ranges.at(-1)?.through !== through || ranges.length === 0)
          ranges.push({ through, count: sum.count, digest: sum.bytes() });
        return { ranges, end: slice.end };
      }
    }
  }

  /** The sum of what is held here, and shared with that node. */
  async sum(peer: NodeNumber, range: Range): Promise<DigestSum> {
    const sum = new DigestSum();
    let after = range.after;
    for (let end = false; !end; ) {
      const slice = await this.#slice(peer, { ...range, after });
      for (const { digest } of slice.held) sum.add(digest);
      after = slice.last;
      end = slice.end;
    }
    return sum;
  }

  /** Whether there is anything that this node shares with the other. */
  sharesWith(peer: NodeNumber): boolean {
    return this.#parts.maps.map.partitions.some((_, partition) => this.#shares(partition, peer));
  }

  #shares(partition: number, peer: NodeNumber): boolean {
    const { map, self } = this.#parts.maps;
    const [set, joint] = map.partitions[partition]?.sets ?? [];
    return set !== undefined && joint === undefined && set.nodes.includes(peer) && set.nodes.includes(self);
  }

  #checkMap({ generation, version }: Pick<Compare, "generation" | "version">): void {
    const { map } = this.#parts.maps;
    if (map.generation === generation && map.version === version) return;
    const behind = isNewerMap({ ...map, generation, version }, map);
    throw staleError(`the comparison goes by map ${generation}.${version}, not ${map.generation}.${map.version}`, map, behind);
  }

  /** The next names of the range; between commits, and a millisecond's worth a turn of the event loop. */
  async #slice(peer: NodeNumber, range: Range): Promise<Slice> {
    if (range.chunks) return this.#inTurn(() => this.#chunks(peer, range));
    const held: Held[] = [];
    let names: { readonly within: readonly Path[]; readonly end: boolean } | undefined;
    for (let at = 0; names === undefined || at < names.within.length; at += COMPARE_TURN) {
      names = await this.#inTurn(() => {
        const { within, end } = names ?? this.#names(range);
        held.push(...this.#files(peer, within.slice(at, at + COMPARE_TURN)));
        return { within, end };
      });
    }
    const { within, end } = names;
    return { looked: within.length, last: within.at(-1) ?? range.after, held, end };
  }

  #inTurn<T>(look: () => T): Promise<T> {
    const { runtime, replica } = this.#parts;
    return new Promise((resolve, reject) => {
      runtime.timers.soon(() =>
        replica.betweenCommits(() => {
          try {
            resolve(look());
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }

  #names({ after, through }: Range): { readonly within: readonly Path[]; readonly end: boolean } {
    return upTo(this.#parts.store.pathsAfter(after, COMPARE_SLICE), through, (path) => path);
  }

  #files(peer: NodeNumber, paths: readonly Path[]): readonly Held[] {
    const { store, maps } = this.#parts;
    return paths.flatMap((path) => {
      const file = this.#shares(partitionOf(maps.map, path), peer) ? readable(() => store.held(path)) : undefined;
      return file === undefined ? [] : [{ name: path, digest: fileDigest(file), what: file }];
    });
  }

  #chunks(peer: NodeNumber, { after, through }: Range): Slice {
    const { store, maps, isDoomed } = this.#parts;
    const { within, end } = upTo(store.chunksAfter(after, COMPARE_SLICE), through, ({ chunk }) => chunk);
    const here = within.filter(({ chunk }) => this.#shares(chunkPartitionOf(maps.map, chunk), peer) && !isDoomed(chunk));
    const held = here.map((row) => ({ name: row.chunk, digest: chunkDigest(row), what: row }));
    return { looked: within.length, last: within.at(-1)?.chunk ?? after, held, end };
  }
}

/** A row that is damaged is as good as none: one must not stand in the way of the others. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Everything of an encoded range but what it names, from above. */
const RANGE_OVERHEAD_BYTES = 128;

function single(what: HeldFile | ChunkRow): Omit<HeldRange, "through" | "count" | "digest"> {
  if ("chunk" in what) return { owner: what.owner, checksum: what.checksum };
  return { ballot: what.ballot, chosen: what.chosen, sequence: what.sequence };
}

/** Those of a page that the range reaches to. A page with nothing in it is the last. */
function upTo<T>(
  page: readonly T[],
  through: string,
  nameOf: (one: T) => string,
): { readonly within: readonly T[]; readonly end: boolean } {
  const last = page.at(-1);
  if (last === undefined) return { within: page, end: true };
  if (through === "") return { within: page, end: false };
  const order = compareUtf8(nameOf(last), through);
  if (order < 0) return { within: page, end: false };
  return { within: order === 0 ? page : page.filter((one) => compareUtf8(nameOf(one), through) <= 0), end: true };
}
