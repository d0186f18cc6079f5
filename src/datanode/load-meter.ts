/** Operations per second, smoothed over a few seconds: the load hint that goes out with heartbeats. */
import type { Clock } from "../ports.ts";

const WINDOW_MS = 1_000;
const WEIGHT_OF_NEW = 0.5;

export class LoadMeter {
  readonly #clock: Clock;
  #since: number;
  #count = 0;
  #perSec = 0;
  total = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonicMs();
  }

  count(): void {
    this.#count += 1;
    this.total += 1;
  }

  perSec(): number {
    const elapsedMs = this.#clock.monotonicMs() - this.#since;
    if (elapsedMs >= WINDOW_MS) {
      const current = (this.#count * 1000) / elapsedMs;
      this.#perSec = WEIGHT_OF_NEW * current + (1 - WEIGHT_OF_NEW) * this.#perSec;
      this.#count = 0;
      this.#since += elapsedMs;
    }
    return this.#perSec;
  }
}
