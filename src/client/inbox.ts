/** Waiting, over the timers port. */
import type { Cancel, Random, Timers } from "../ports.ts";

/** Events of several requests under way, taken one at a time, with a limit on the wait: what hedging needs. */
export class Inbox<Event> {
  readonly #timers: Timers;
  readonly #events: Event[] = [];
  #deliver: ((event: Event | undefined) => void) | undefined;
  #cancel: Cancel | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  push(event: Event): void {
    const deliver = this.#deliver;
    if (deliver === undefined) {
      this.#events.push(event);
      return;
    }
    this.#deliver = undefined;
    this.#cancel?.();
    deliver(event);
  }

  /** The next event; undefined when none came within `waitMs`. One caller at a time. */
  next(waitMs: number): Promise<Event | undefined> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    return new Promise((resolve) => {
      this.#deliver = resolve;
      this.#cancel = this.#timers.after(waitMs, () => {
        this.#deliver = undefined;
        resolve(undefined);
      });
    });
  }
}

export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => void timers.after(delayMs, resolve));
}

/** Drawn from half to all of base × 2^tries, at most `maximumMs`. */
export function backoffMs(random: Random, baseMs: number, tries: number, maximumMs: number): number {
  return Math.min(maximumMs, baseMs * 2 ** Math.min(tries, 20)) * (0.5 + random.unit() / 2);
}
