import { COUNTER_LEAP_MAX } from "../limits.ts";
import type { LamportCounter } from "../ports.ts";

/** The SuperNode's Lamport counter: it passes on, with the map, what it hears from the DataNodes, and issues nothing. */
export class HeardCounter implements LamportCounter {
  #heard = 0;

  current(): number {
    return this.#heard;
  }

  /** A leap that no honest node makes is ignored, but for the first counter heard, whatever it is (P4). */
  observe(counter: number): void {
    if (counter <= this.#heard || !Number.isSafeInteger(counter)) return;
    if (this.#heard > 0 && counter - this.#heard > COUNTER_LEAP_MAX) return;
    this.#heard = counter;
  }
}
