/**
 * Answers what this node holds of partitions (P16), page by page. It answers only in the very configurations that it has adopted: so whatever
 * it accepted, or confirmed, in an older one came before the answer, and stands in it. That goes for every page: what comes into a partition
 * after the adoption is counted in the configuration that the asker knows, and need not show.
 */
import { QdfsError } from "../base/errors.ts";
import { chunkPartitionOf, partitionOf } from "../cluster/map.ts";
import { BATCH_BYTES_MAX, PARTITIONS, SCAN_PAGE_MAX } from "../limits.ts";
import type { NodeStore } from "../ports.ts";
import type { Moving, Scan } from "../wire/change-messages.ts";
import { failureAnswer } from "../wire/failure.ts";
import type { Memory } from "../wire/garbage-messages.ts";
import type { AnswerBody } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Replica } from "./replica.ts";
import type { Reply } from "./turn.ts";

export class Scanner {
  readonly #store: NodeStore;
  readonly #maps: MapKeeper;
  readonly #replica: Replica;
  readonly #onFatal: (error: unknown) => void;

  constructor(store: NodeStore, maps: MapKeeper, replica: Replica, onFatal: (error: unknown) => void) {
    this.#store = store;
    this.#maps = maps;
    this.#replica = replica;
    this.#onFatal = onFatal;
  }

  answer(scan: Scan, reply: Reply): void {
    this.#replica
      .lookThrough(() => this.#page(scan))
      .catch((error) => {
        if (!(error instanceof QdfsError)) throw error;
        return failureAnswer(error);
      })
      .then(reply, this.#onFatal);
  }

  #page({ of, chunks, after, limit }: Scan): AnswerBody {
    const wanted = this.checked(of);
    const most = Math.min(limit || SCAN_PAGE_MAX, SCAN_PAGE_MAX);
    const { map } = this.#maps;
    if (chunks) {
      const rows = this.#store.chunksAfter(after, most);
      const here = rows.filter(({ chunk }) => wanted.has(chunkPartitionOf(map, chunk)));
      const [some, next] = fitting(here, rows.at(-1)?.chunk ?? "", ({ chunk, owner }) => [chunk, chunk.length + owner.length]);
      return {
        scanned: {
          paths: [],
          chunks: some.map(({ chunk, owner, checksum }) => ({ chunk, owner, checksum })),
          next,
          memories: [],
        },
      };
    }
    const rows = this.#store.pathsAfter(after, most);
    const here = rows.filter((path) => wanted.has(partitionOf(map, path)));
    const [paths, next] = fitting(here, rows.at(-1) ?? "", (path) => [path, path.length]);
    // With the last page, so with or after whatever was erased while they were read (P14).
    return { scanned: { paths, chunks: [], next, memories: next === "" ? this.#memories(wanted) : [] } };
  }

  #memories(partitions: ReadonlySet<number>): Memory[] {
    return [...partitions].flatMap((partition) => {
      const { forgotten } = this.#replica.erasureOf(partition);
      return forgotten === 0 ? [] : [{ partition, forgotten }];
    });
  }

  /** The partitions, of which these must be the adopted configurations. @throws QdfsError CONFIGURATION_STALE, BAD_REQUEST */
  checked(of: readonly Moving[]): ReadonlySet<number> {
    if (of.length > PARTITIONS) throw new QdfsError("BAD_REQUEST", `${of.length} partitions are asked about`);
    for (const { partition, number } of of) this.#maps.checkPartition(partition, number);
    return new Set(of.map(({ partition }) => partition));
  }
}

/** As many as fit a batch, and after which one the next page begins: after `last` when all do. */
function fitting<T>(
  all: readonly T[],
  last: string,
  of: (one: T) => readonly [name: string, chars: number],
): [readonly T[], string] {
  let bytes = 0;
  for (const [at, one] of all.entries()) {
    bytes += 64 + 3 * of(one)[1];
    if (bytes <= BATCH_BYTES_MAX || at === 0) continue;
    const before = all[at - 1];
    return [all.slice(0, at), before === undefined ? "" : of(before)[0]];
  }
  return [all, last];
}
