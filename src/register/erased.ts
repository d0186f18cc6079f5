/**
 * What erasing tombstones leaves behind (P14), by partition: the highest ballot that was erased, and the newest stamp that went with it.
 *
 * The ballot is a floor under every file of the partition, and not even it is taken: its own accept may still be on its way. The stamp
 * is what an absent file of the partition has `forgotten`: who repeats an operation from before an erasure is told that nobody knows any more.
 * Both only rise, and refuse a little too much for files that were never erased, never too little. A bucket is a
 * partition, because ballots are only compared within one: each has configurations of its own.
 */
import type { Path } from "../base/ids.ts";
import type { Erasure } from "../ports.ts";
import { type AnswerBody, type Ballot, type Head, type RequestBody, Want } from "../wire/messages.ts";
import { ABSENT, highestBallot, sameBallot } from "./ballot.ts";
import { newestStamp } from "./head.ts";

export const NOTHING_ERASED: Erasure = { floor: ABSENT, forgotten: 0 };

export function higher(a: Erasure, b: Erasure): Erasure {
  return { floor: highestBallot(a.floor, b.floor), forgotten: Math.max(a.forgotten, b.forgotten) };
}

/** As one node knows them. */
export class Erasures {
  readonly #known: Map<number, Erasure>;

  /** What is on the disk. */
  constructor(known: ReadonlyMap<number, Erasure> = new Map()) {
    this.#known = new Map(known);
  }

  of(partition: number): Erasure {
    return this.#known.get(partition) ?? NOTHING_ERASED;
  }

  /** Takes effect at once, before it is durable: what is refused too early does no harm. Returns what is to be made durable. */
  raise(partition: number, by: Erasure): Erasure {
    const raised = higher(this.of(partition), by);
    this.#known.set(partition, raised);
    return raised;
  }
}

/**
 * The answers of one round are given at different moments, and an erasing may lie between two of them: one replica showed `head`, then took the
 * tombstone that followed it, all erased that, and another replica answers that it holds nothing. The highest ballot of such a round is not the newest
 * that there was. True if that may be what came about, for who holds nothing has `forgotten` all that the head knows: stamps only rise along the chain of
 * a file's heads. It may as well be that it never heard of the file, and forgot others.
 *
 * One who showed the head can tell, asked again. Before anyone erased, every replica held the tombstone, or refused what is below it
 * (eraser.ts); so whoever still holds that head after who holds nothing has answered was no part of that, and nothing was erased in between.
 */
export function mayBeErased(head: Head, forgotten: number): boolean {
  return forgotten > 0 && forgotten >= newestStamp(head);
}

/** Asks one who showed the value of `ballot` again, through `ask`: does it still hold just that? Rejects as `ask` does. */
export async function stillHolds(path: Path, ballot: Ballot, ask: (body: RequestBody) => Promise<AnswerBody>): Promise<boolean> {
  const { held } = await ask({ read: { path, want: Want.BALLOT, version: 0 } });
  return held ? sameBallot(held.ballot, ballot) : false;
}
