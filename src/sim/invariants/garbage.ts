import { nodeName, type Path } from "../../base/ids.ts";
import { chunkPartitionOf, configurationOf, isReplica, partitionOf, replicasOf } from "../../cluster/map.ts";
import { joiningIn } from "../../cluster/moves.ts";
import type { AcceptWrite, NodeWrites } from "../../ports.ts";
import { compareBallots, formatBallot, highestBallot } from "../../register/ballot.ts";
import type { Ballot, ClusterMap, Head, OperationId } from "../../wire/messages.ts";
import type { Disk } from "../disk.ts";
import type { Violations } from "../violation.ts";
import { agreedHead } from "./convergence.ts";
import type { DiskView } from "./registers.ts";

interface Chosen {
  readonly ballot: Ballot;
  readonly head: Head;
}

export class GarbageInvariants {
  readonly #violations: Violations;
  /** By disk and file, and by file, the highest ballot that was erased. */
  readonly #erased = new Map<string, Ballot>();

  readonly #deleted = new Set<string>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  erased({ diskId }: Disk, { erased = [] }: NodeWrites): void {
    for (const { path, ballot } of erased) {
      for (const key of [`${diskId} ${path}`, path]) {
        const before = this.#erased.get(key);
        this.#erased.set(key, before === undefined ? ballot : highestBallot(before, ballot));
      }
    }
  }

  /** Some store has collected it. */
  wasDeleted(chunk: string): boolean {
    return this.#deleted.has(chunk);
  }

  /** A disk that has erased the file may have held whatever it has forgotten. */
  forgot({ diskId, store }: Disk, path: Path, partition: number, { stamp }: OperationId): boolean {
    return this.#erased.has(`${diskId} ${path}`) && (store.erasures().get(partition)?.forgotten ?? 0) >= stamp;
  }

  /** I9 */
  accepted({ diskId }: Disk, { path, ballot }: AcceptWrite): void {
    const erased = this.#erased.get(`${diskId} ${path}`);
    this.#violations.check(
      erased === undefined || compareBallots(ballot, erased) > 0,
      "I9",
      () => `${diskId} took ${path} at ${formatBallot(ballot)} after it had erased ${formatBallot(erased ?? ballot)}`,
    );
  }

  /**
   * I7. `map`: the one that the disk goes by; what is dropped with the adoption of another one belonged to nobody's count. `heldByOthers`: W stores hold
   * the chunk without this one. A copy that a store has doomed it confirms to nobody (P21), so a head may come to name it on the word of W others; then that
   * copy may go, and is fetched again, for none of those that count goes.
   */
  deleted(
    { diskId, number }: Disk,
    { droppedChunks, map: adopts }: NodeWrites,
    map: ClusterMap,
    newest: Iterable<readonly [Path, Head]>,
    heldByOthers: (chunk: string) => boolean,
  ): void {
    if (droppedChunks.length === 0 || adopts !== undefined) return;
    const here = droppedChunks.filter((chunk) => isReplica(configurationOf(map, chunkPartitionOf(map, chunk)), number));
    if (here.length === 0) return;
    for (const chunk of here) this.#deleted.add(chunk);
    for (const [path, head] of newest) {
      const named = uploadsOf(head);
      const chunk = here.find((one) => named.has(uploadOf(one)) && !heldByOthers(one));
      if (chunk !== undefined)
        this.#violations.found("I7", `${diskId} deleted ${chunk}, which a version of ${path} names and fewer than W others hold`);
    }
  }

  /** I3: versions begin anew on top of a tombstone that was erased, and only there. */
  mayBeginAnew(path: Path, older: Chosen, newer: Chosen): boolean {
    const erased = this.#erased.get(path);
    const over = older.head.current.tombstone && erased !== undefined && compareBallots(older.ballot, erased) <= 0;
    return over && newer.head.current.version <= 1;
  }
}

/**
 * What is still to be erased or collected, in words; undefined: nothing. A replica whose disk is no more holds erasing up for ever; a change towards one
 * carries the chunks of its partition over again and again, and so what nobody names from whoever holds it yet to whoever has collected it.
 */
export function uncollected(view: DiskView, paths: readonly Path[]): string | undefined {
  const { map } = view;
  for (const path of paths) {
    const configuration = configurationOf(map, partitionOf(map, path));
    if (!replicasOf(configuration).every((node) => view.diskOfNode(node) !== undefined)) continue;
    const head = agreedHead(view, path);
    if (head?.current.tombstone) return `${path} is still deleted, not erased`;
  }
  const named = new Set(paths.flatMap((path) => [...uploadsOf(agreedHead(view, path))]));
  for (const { number } of map.nodes) {
    const store = view.diskOfNode(number)?.store;
    if (store?.isFlushing) return `${nodeName(number)} is writing`;
    for (const { chunk, owner } of store?.chunksAfter("", Number.MAX_SAFE_INTEGER) ?? []) {
      const stores = configurationOf(map, chunkPartitionOf(map, chunk));
      if (!isReplica(stores, number)) continue; // it has left, and drops it soon
      const holdUp = [...replicasOf(configurationOf(map, partitionOf(map, owner))), ...joiningIn(stores)];
      const gone = holdUp.some((node) => view.diskOfNode(node) === undefined);
      if (!gone && !named.has(uploadOf(chunk))) return `${nodeName(number)} still holds ${chunk} of ${owner}`;
    }
  }
  return undefined;
}

function uploadOf(chunk: string): string {
  return chunk.slice(0, chunk.indexOf("-"));
}

function uploadsOf(head: Head | undefined): ReadonlySet<string> {
  if (head === undefined) return new Set();
  return new Set([head.current, ...head.history].flatMap(({ chunks }) => (chunks === null ? [] : [chunks.upload])));
}
