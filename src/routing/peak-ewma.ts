/**
 * A latency that is quick to rise and slow to fall: a worse observation counts at once, a better one as much as the time since
 * the last one is worth (exponential decay with PEAK_DECAY_MS). So one slow answer is enough to send the next requests elsewhere,
 * and a run of good ones brings them back. Finagle's load balancer calls it peak EWMA.
 */
import { PEAK_DECAY_MS } from "../limits.ts";

export class PeakEwma {
  #valueMs = 0;
  #observedAtMs = Number.NaN;

  /** Undefined: nothing was observed yet. */
  get valueMs(): number | undefined {
    return Number.isNaN(this.#observedAtMs) ? undefined : this.#valueMs;
  }

  observe(tookMs: number, nowMs: number): void {
    if (Number.isNaN(this.#observedAtMs) || tookMs > this.#valueMs) this.#valueMs = tookMs;
    else {
      const kept = Math.exp((this.#observedAtMs - nowMs) / PEAK_DECAY_MS);
      this.#valueMs = this.#valueMs * kept + tookMs * (1 - kept);
    }
    this.#observedAtMs = nowMs;
  }

  /** What is still under way has taken so long already: no observation yet, but it will not be a better one. */
  atLeast(tookMs: number, nowMs: number): void {
    if (!(tookMs <= this.#valueMs)) this.observe(tookMs, nowMs);
  }
}
