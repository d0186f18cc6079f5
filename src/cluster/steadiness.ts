/**
 * Whether a DataNode stays once it is there. One that comes and goes is worse than one that is away: each return draws work to it (the
 * writes of files whose home it is, partitions to carry over) that the next departure breaks off. So it is held back, as routers
 * hold back a route that flaps (RFC 2439): it serves and votes, but others are preferred, until it has been steady for a while. The
 * while doubles with every further flap, up to a bound, so a node that was mended is always back in the end.
 *
 * The first flaps are free: a process dies, a cable is pulled. Saying goodbye is no flap.
 */
import { FLAP_HOLD_MS, FLAP_HOLD_MS_MAX, FLAP_MEMORY_MS, FLAPS_FREE } from "../limits.ts";

export class Steadiness {
  #flaps = 0;
  #flappedMs = 0;
  #away: boolean;
  #backMs: number;

  constructor(nowMs: number, isAway: boolean) {
    this.#backMs = nowMs;
    this.#away = isAway;
  }

  /** It has gone without a word; noted once until it is back. Moments are monotonic, here and below. */
  vanished(nowMs: number): void {
    if (this.#away) return;
    this.#flaps = this.flaps(nowMs) + 1;
    this.#flappedMs = nowMs;
    this.#away = true;
  }

  /** It said goodbye. */
  left(): void {
    this.#away = true;
  }

  /** It is there; from the first such word on it is steady. */
  back(nowMs: number): void {
    if (!this.#away) return;
    this.#away = false;
    this.#backMs = nowMs;
  }

  /** How often it has vanished lately: all is forgiven after FLAP_MEMORY_MS without. */
  flaps(nowMs: number): number {
    return nowMs - this.#flappedMs >= FLAP_MEMORY_MS ? 0 : this.#flaps;
  }

  /** It has to stay so much longer, or come back and stay so long, to be counted on; 0: it is. */
  heldForMs(nowMs: number): number {
    const flaps = this.flaps(nowMs);
    if (flaps <= FLAPS_FREE) return 0;
    const holdMs = Math.min(FLAP_HOLD_MS_MAX, FLAP_HOLD_MS * 2 ** (flaps - FLAPS_FREE - 1));
    return this.#away ? holdMs : Math.max(0, this.#backMs + holdMs - nowMs);
  }
}
