/**
 * A DataNode's Lamport counter under its durable ceiling (P3). Every counter that the node promises or issues stays below
 * the ceiling, which is on disk; after a restart the counter starts at the old ceiling, so that nothing promised or issued
 * in the earlier life can be promised or issued again (I2, I3).
 */
import { assert } from "../base/errors.ts";
import { CEILING_STEP, COUNTER_LEAP_MAX } from "../limits.ts";
import type { LamportCounter } from "../ports.ts";

export class BallotCounter implements LamportCounter {
  #current: number;
  #ceiling: number;
  /** Everything below counts as promised: the ceiling that was on disk when this life began. */
  readonly ceilingAtStart: number;

  /** `ceiling`: the one found on disk. Nothing can be issued before the first `raise`. */
  constructor(ceiling: number) {
    this.#current = ceiling;
    this.#ceiling = ceiling;
    this.ceilingAtStart = ceiling;
  }

  current(): number {
    return this.#current;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /** Merges a counter heard from others; a leap that no honest peer makes is ignored (P4). */
  observe(counter: number): void {
    if (counter > this.#current && counter - this.#current <= COUNTER_LEAP_MAX) this.#current = counter;
  }

  /** A counter for a ballot of our own, used once for ever; undefined when the ceiling must be raised on disk first. */
  next(): number | undefined {
    if (this.#current + 1 >= this.#ceiling) return undefined;
    this.#current += 1;
    return this.#current;
  }

  /** True when it is time to raise the ceiling along with some commit, long before anything has to wait for it. */
  get wantsRoom(): boolean {
    return this.#current + CEILING_STEP / 2 > this.#ceiling;
  }

  /** The ceiling to write so that `counter` can be promised and there is room ahead. */
  ceilingFor(counter: number): number {
    return Math.max(counter, this.#current) + CEILING_STEP;
  }

  /** To be called after the ceiling is on disk, never before. */
  raise(ceiling: number): void {
    assert(ceiling >= this.#ceiling, "the ceiling only rises (P3)");
    this.#ceiling = ceiling;
  }
}
