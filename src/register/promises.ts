/**
 * The promises of a replica, in memory (P2): a bounded table by file, and one floor for each bucket of files, raised by
 * what the table evicts. A floor refuses a little too much, never too little. What a restart forgets is covered by the
 * durable ceiling (counter.ts): promises are only made below it, and after the restart it is a floor under every file.
 *
 * The files of a bucket are of several partitions, whose configurations have numbers of their own. So a bucket's floor has none: like the
 * ceiling it is placed in the configuration of the ballot that it is held against. → a partition that moved has evicted promises of
 * configuration 2; another one in that bucket, still in its first, would be refused for ever, whatever the counter.
 */
import type { Path } from "../base/ids.ts";
import { PROMISE_BUCKETS, PROMISES_MAX } from "../limits.ts";
import type { Ballot } from "../wire/messages.ts";
import { ABSENT, highestBallot, isAbsent } from "./ballot.ts";

export class PromiseTable {
  readonly #promises = new Map<Path, Ballot>();
  /** Of configuration 0. */
  readonly #floors: Ballot[] = new Array<Ballot>(PROMISE_BUCKETS).fill(ABSENT);
  readonly #max: number;

  constructor(max: number = PROMISES_MAX) {
    this.#max = max;
  }

  /** The highest ballot that may have been promised for the file in this life, as far as it concerns ballots of this configuration. */
  floor(path: Path, configuration: number): Ballot {
    const evicted = this.#floors[bucketOf(path)] ?? ABSENT;
    const bucket = isAbsent(evicted) ? ABSENT : { ...evicted, configuration };
    const promise = this.#promises.get(path);
    return promise === undefined ? bucket : highestBallot(promise, bucket);
  }

  /** Records a promise, which the caller has found to be above the floor. */
  promise(path: Path, ballot: Ballot): void {
    this.#promises.delete(path); // to the young end
    this.#promises.set(path, ballot);
    if (this.#promises.size <= this.#max) return;
    const oldest = this.#promises.entries().next().value;
    if (oldest === undefined) return;
    const bucket = bucketOf(oldest[0]);
    this.#floors[bucket] = highestBallot(this.#floors[bucket] ?? ABSENT, { ...oldest[1], configuration: 0 });
    this.#promises.delete(oldest[0]);
  }

  /** An accepted ballot at or above the promise is a floor of its own, on disk: the promise need not be kept. */
  covered(path: Path, accepted: Ballot): void {
    const promise = this.#promises.get(path);
    if (promise !== undefined && highestBallot(accepted, promise) === accepted) this.#promises.delete(path);
  }

  get size(): number {
    return this.#promises.size;
  }
}

function bucketOf(path: Path): number {
  return Bun.hash.xxHash32(path, 1) % PROMISE_BUCKETS;
}
