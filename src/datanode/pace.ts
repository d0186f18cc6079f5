/** Keeps background work at a rate: what was done is paid for with time before more is begun. */
import type { Clock, Timers } from "../ports.ts";

export class Pace {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #perSec: number;
  /** Until then what was done is not paid for. */
  #paidMs = 0;

  constructor(clock: Clock, timers: Timers, perSec: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#perSec = perSec;
  }

  /** How long to wait until `cost` more is within the rate, for those who do so themselves. */
  owe(cost: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#paidMs = Math.max(this.#paidMs, nowMs) + (cost / this.#perSec) * 1_000;
    return Math.max(0, this.#paidMs - nowMs - SLACK_MS);
  }

  /** Resolves when `cost` more is within the rate. */
  async spend(cost: number): Promise<void> {
    const waitMs = this.owe(cost);
    if (waitMs > 0) await new Promise<void>((resolve) => this.#timers.after(waitMs, resolve));
  }
}

/** Timers are coarse: small debts are paid together. */
const SLACK_MS = 20;
