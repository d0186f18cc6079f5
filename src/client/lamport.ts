import { COUNTER_LEAP_MAX } from "../limits.ts";
import type { LamportCounter } from "../ports.ts";

/** A client's Lamport counter: it only listens. What it last heard stamps its operations (P12). */
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
