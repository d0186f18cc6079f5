/** Latencies in a histogram with microsecond resolution and 3 significant digits, whatever their number. */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";

const HOUR_US = 3_600_000_000;

export interface LatencySummary {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** So many percent of the operations took at most so long. */
export interface CurvePoint {
  readonly percentile: number;
  readonly ms: number;
}

export class Latencies {
  readonly #histogram: Histogram;
  #maxUs: number;

  private constructor(histogram: Histogram, maxUs: number) {
    this.#histogram = histogram;
    this.#maxUs = maxUs;
  }

  static empty(): Latencies {
    return new Latencies(
      build({ lowestDiscernibleValue: 1, highestTrackableValue: HOUR_US, numberOfSignificantValueDigits: 3 }),
      0,
    );
  }

  /** The inverse of `encoded` and `maxUs`. */
  static decoded(encoded: string, maxUs: number): Latencies {
    return new Latencies(decodeFromCompressedBase64(encoded), maxUs);
  }

  /** Counts one operation; less than a microsecond counts as one. */
  record(ms: number): void {
    const us = Math.min(HOUR_US, Math.max(1, Math.round(ms * 1000)));
    this.#histogram.recordValue(us);
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /** Counts what the other counted, too: count by count, as if it had been recorded here. */
  add(other: Latencies): void {
    this.#histogram.add(other.#histogram);
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  get maxUs(): number {
    return this.#maxUs;
  }

  /** HdrHistogram's own form (V2, compressed, base64), in microseconds. */
  encoded(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** In HdrHistogram's own class, for its log. Not to be changed. */
  get histogram(): Histogram {
    return this.#histogram;
  }

  /** All zeros when nothing was recorded. */
  summary(): LatencySummary {
    return {
      meanMs: this.count === 0 ? 0 : Math.round(this.#histogram.mean) / 1000,
      p50Ms: this.percentileMs(50),
      p90Ms: this.percentileMs(90),
      p95Ms: this.percentileMs(95),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
      maxMs: this.#maxUs / 1000,
    };
  }

  /**
   * The distribution, a point for each quarter of a decade of 1 / (1 - percentile) as long as operations are left beyond it, and 100.
   * Empty when nothing was recorded.
   */
  curve(): readonly CurvePoint[] {
    const points: CurvePoint[] = [];
    for (let quarter = 0; this.count * 10 ** (-quarter / 4) >= 1; quarter++) {
      const percentile = Math.round(100 * (1 - 10 ** (-quarter / 4)) * 1e6) / 1e6;
      points.push({ percentile, ms: this.percentileMs(percentile) });
    }
    return this.count === 0 ? [] : [...points, { percentile: 100, ms: this.#maxUs / 1000 }];
  }

  /** 0 when nothing was recorded. */
  percentileMs(percentile: number): number {
    if (this.#maxUs === 0) return 0;
    // The histogram answers with its bucket's upper end, which may lie above everything recorded.
    return Math.min(this.#histogram.getValueAtPercentile(percentile), this.#maxUs) / 1000;
  }
}
