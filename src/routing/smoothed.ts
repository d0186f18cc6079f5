/**
 * The mean of a time as it is lately, and how far from it the times are on average (the mean deviation, as TCP keeps one of its round
 * trips: Jacobson 1988). Each observation counts for a sixteenth, or for more when the last ones are long ago.
 */
const WEIGHT_MIN = 1 / 16;
/** In this time what was before loses two thirds of its weight, however few observations come. */
const FADING_MS = 10_000;

export class Smoothed {
  #meanMs = 0;
  #deviationMs = 0;
  #observedAtMs: number | undefined;

  /** 0: nothing was observed yet; here and below. */
  get meanMs(): number {
    return this.#meanMs;
  }

  get deviationMs(): number {
    return this.#deviationMs;
  }

  observe(tookMs: number, nowMs: number): void {
    if (this.#observedAtMs === undefined) this.#meanMs = tookMs;
    else {
      const weight = Math.max(WEIGHT_MIN, 1 - Math.exp((this.#observedAtMs - nowMs) / FADING_MS));
      this.#deviationMs += (Math.abs(tookMs - this.#meanMs) - this.#deviationMs) * weight;
      this.#meanMs += (tookMs - this.#meanMs) * weight;
    }
    this.#observedAtMs = nowMs;
  }
}
