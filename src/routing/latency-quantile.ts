/**
 * Quantiles of the latencies observed lately, in constant memory: a histogram whose buckets grow by 2^(1/4), so that an answer is
 * at most 19 % too high, and whose counts are halved every QUANTILE_WINDOW observations, so that what was long ago fades.
 */
import { QUANTILE_WINDOW } from "../limits.ts";

const BUCKETS_PER_DOUBLING = 4;
/** Upper bound of the first bucket, and how many there are: the last one ends above half a minute. */
const FIRST_MS = 0.0625;
const BUCKETS = 1 + 19 * BUCKETS_PER_DOUBLING;

export class LatencyQuantile {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #sinceHalving = 0;

  /** Observations that count, the faded ones in part. */
  get count(): number {
    return this.#total;
  }

  observe(tookMs: number): void {
    const bucket = tookMs <= FIRST_MS ? 0 : Math.ceil(Math.log2(tookMs / FIRST_MS) * BUCKETS_PER_DOUBLING);
    const index = Math.min(BUCKETS - 1, bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
    this.#sinceHalving += 1;
    if (this.#sinceHalving < QUANTILE_WINDOW) return;
    this.#sinceHalving = 0;
    this.#total /= 2;
    for (let i = 0; i < BUCKETS; i += 1) this.#counts[i] = (this.#counts[i] ?? 0) / 2;
  }

  /** No less than the latency that this share (0 … 1) of the observations did not exceed; 0 when there are none. */
  atMs(share: number): number {
    let left = this.#total * share;
    if (this.#total === 0) return 0;
    for (let i = 0; i < BUCKETS; i += 1) {
      left -= this.#counts[i] ?? 0;
      if (left <= 0) return FIRST_MS * 2 ** (i / BUCKETS_PER_DOUBLING);
    }
    return FIRST_MS * 2 ** ((BUCKETS - 1) / BUCKETS_PER_DOUBLING);
  }
}
