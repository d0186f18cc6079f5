/**
 * What all processes of a run counted, put together interval by interval. Histograms are merged count by count, so a percentile is
 * that of all operations, never a mean of the processes' percentiles.
 */
import { assert } from "../base/errors.ts";
import type { Interval } from "./series.ts";
import { type Stability, stabilityOf } from "./stability.ts";
import { Tally } from "./tally.ts";

export interface MergeOptions {
  /** Processes that report. Each reports every interval once, in order. */
  readonly sources: number;
  readonly intervalMs: number;
  readonly nodes: readonly string[];
  /** Called in order of time, for the last interval once the run is closed. */
  readonly each: (interval: Interval) => void;
}

interface Open {
  readonly tally: Tally;
  heard: number;
}

export class MergedIntervals {
  readonly #options: MergeOptions;
  readonly total: Tally;
  readonly #open = new Map<number, Open>();
  readonly #counts: number[] = [];
  #stability: Stability;
  /** The last whole interval, kept back: a short rest of the run is counted in with it. */
  #last: { readonly index: number; readonly tally: Tally } | undefined;

  constructor(options: MergeOptions) {
    this.#options = options;
    this.total = new Tally(options.nodes);
    this.#stability = stabilityOf([], options.intervalMs / 1000);
  }

  /** As of the whole intervals that all processes have reported; once it is reached it stays. */
  get stability(): Stability {
    return this.#stability;
  }

  /** `whole`: false for what is left at the end of a process's run. */
  take(index: number, tally: Tally, whole: boolean): void {
    const open = this.#openOf(index);
    open.tally.add(tally);
    if (!whole) return;
    open.heard++;
    assert(open.heard <= this.#options.sources, "a process reports an interval once");
    if (open.heard < this.#options.sources) return;
    this.#open.delete(index);
    this.#counts.push(open.tally.count);
    if (!this.#stability.reached) this.#stability = stabilityOf(this.#counts, this.#options.intervalMs / 1000);
    if (this.#last !== undefined) this.#hand(this.#last.index, this.#last.tally, this.#options.intervalMs / 1000);
    this.#last = { index, tally: open.tally };
  }

  /** `endSec`: when the last operation ended, since measuring began. What is left of an interval is counted in with the one before it if it is short. */
  close(endSec: number): void {
    const open = [...this.#open].map(([index, { tally }]) => ({ index, tally })).sort((a, b) => a.index - b.index);
    const rest = [...(this.#last === undefined ? [] : [this.#last]), ...open];
    const [before, end] = rest.slice(-2);
    if (before !== undefined && end !== undefined && endSec - this.#fromSec(end.index) < this.#options.intervalMs / 2000) {
      before.tally.add(end.tally);
      rest.pop();
    }
    const final = rest.at(-1);
    for (const interval of rest) {
      const { index, tally } = interval;
      const durationSec = interval === final ? endSec - this.#fromSec(index) : this.#options.intervalMs / 1000;
      this.#hand(index, tally, Math.max(0, durationSec));
    }
  }

  #openOf(index: number): Open {
    let open = this.#open.get(index);
    if (open === undefined) {
      open = { tally: new Tally(this.#options.nodes), heard: 0 };
      this.#open.set(index, open);
    }
    return open;
  }

  #hand(index: number, tally: Tally, durationSec: number): void {
    this.total.add(tally);
    this.#options.each({ fromSec: this.#fromSec(index), durationSec, tally });
  }

  #fromSec(index: number): number {
    return (index * this.#options.intervalMs) / 1000;
  }
}
