/** Latencies in a histogram with microsecond resolution and 3 significant digits, whatever their number. */
import { build } from "hdr-histogram-js";

const HOUR_US = 3_600_000_000;

export interface LatencySummary {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Latencies {
  readonly #histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: HOUR_US, numberOfSignificantValueDigits: 3 });
  #maxUs = 0;

  /** Counts one operation; less than a microsecond counts as one. */
  record(ms: number): void {
    const us = Math.min(HOUR_US, Math.max(1, Math.round(ms * 1000)));
    this.#histogram.recordValue(us);
    if (us > this.#maxUs) this.#maxUs = us;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** All zeros when nothing was recorded. */
  summary(): LatencySummary {
    return {
      p50Ms: this.#percentileMs(50),
      p95Ms: this.#percentileMs(95),
      p99Ms: this.#percentileMs(99),
      maxMs: this.#maxUs / 1000,
    };
  }

  #percentileMs(percentile: number): number {
    if (this.#maxUs === 0) return 0;
    // The histogram answers with its bucket's upper end, which may lie above everything recorded.
    return Math.min(this.#histogram.getValueAtPercentile(percentile), this.#maxUs) / 1000;
  }
}
