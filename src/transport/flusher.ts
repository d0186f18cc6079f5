/**
 * When a batch is closed. Usually once what arrived in this turn of the event loop has been handled, so that everything the
 * turn brings shares a message. When nothing more can come (nothing else is in flight), waiting would only add a turn to the
 * round trip: then the batch closes as soon as the code that runs now, and what awaited the same event, has run.
 */
import type { Timers } from "../ports.ts";

export class Flusher {
  readonly #timers: Timers;
  readonly #flush: () => void;
  #planned: "not" | "soon" | "now" = "not";
  readonly #run = (): void => {
    if (this.#planned === "not") return;
    this.#planned = "not";
    this.#flush();
  };

  constructor(timers: Timers, flush: () => void) {
    this.#timers = timers;
    this.#flush = flush;
  }

  /** `last`: nothing else is expected in this turn. */
  plan(last: boolean): void {
    if (last && this.#planned !== "now") {
      this.#planned = "now";
      queueMicrotask(this.#run);
    } else if (this.#planned === "not") {
      this.#planned = "soon";
      this.#timers.soon(this.#run);
    }
  }
}
