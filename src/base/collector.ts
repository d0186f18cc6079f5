/**
 * Keeps a process that moves many megabytes small. Every chunk is a new buffer; the engine lets more than a hundred of them go
 * stale before it looks (measured: 230 MiB resident for a stream that needs 20). So it is told to look after every
 * COLLECT_EVERY_BYTES, unless the heap is so large that looking would take more than a quarter of the time.
 */
import { COLLECT_EVERY_BYTES } from "../limits.ts";

/** Time between two collections, at least: this many times as long as the last one took. */
const PAUSE_FACTOR = 3;

/** The part of ports.ts's Clock that this needs. */
interface MonotonicClock {
  monotonicMs(): number;
}

export class Collector {
  readonly #clock: MonotonicClock;
  readonly #collect: () => void;
  #bytes = 0;
  #notBeforeMs = 0;

  /** `collect`: a full collection of garbage, done when it returns. */
  constructor(clock: MonotonicClock, collect: () => void) {
    this.#clock = clock;
    this.#collect = collect;
  }

  /** So many bytes have passed through buffers of their own. */
  moved(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#bytes < COLLECT_EVERY_BYTES) return;
    const startedMs = this.#clock.monotonicMs();
    if (startedMs < this.#notBeforeMs) return;
    this.#bytes = 0;
    this.#collect();
    const endedMs = this.#clock.monotonicMs();
    this.#notBeforeMs = endedMs + PAUSE_FACTOR * (endedMs - startedMs);
  }
}
