/**
 * How many requests may be sent twice: a share of all of them, and a small reserve for a burst. However slow everything gets, the
 * hedges never add more than that share to the load (Dean and Barroso, "The Tail at Scale", 2013, hold them to about 5 %).
 */
import { HEDGE_RESERVE, HEDGE_SHARE } from "../limits.ts";

export class HedgeBudget {
  #left = HEDGE_RESERVE;
  /** Hedges granted so far. */
  spent = 0;

  /** A request was made that might have to be hedged. */
  earn(): void {
    this.#left = Math.min(HEDGE_RESERVE, this.#left + HEDGE_SHARE);
  }

  /** True: one hedge may be sent, and has been counted. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    this.spent += 1;
    return true;
  }
}
