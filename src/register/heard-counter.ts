import { COUNTER_LEAP_MAX } from "../limits.ts";
import type { LamportCounter } from "../ports.ts";

/**
 * The Lamport counter of a process that issues no ballots: it listens, and passes on what it heard. It stamps a client's
 * operations (P12) and goes out with a SuperNode's map.
 */
export class HeardCounter implements LamportCounter {
  #heard = 0;

  current(): number {
    return this.#heard;
  }

  /** A leap that no honest server makes is ignored, but for the first counter heard, whatever it is (P4). */
  observe(counter: number): void {
    if (counter <= this.#heard || !Number.isSafeInteger(counter)) return;
    if (this.#heard > 0 && counter - this.#heard > COUNTER_LEAP_MAX) return;
    this.#heard = counter;
  }
}
