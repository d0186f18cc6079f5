/** What `--check` keeps of a run, in memory and within bounds, and what the checker says to it in the end. */
import type { RecordedListing, RecordedOperation } from "../check/history.ts";
import { type Judgement, judge } from "../check/judge.ts";
import { roleOf } from "../check/model.ts";
import { BENCH_HISTORY_MAX, BENCH_LISTED_ENTRIES_MAX } from "../tool-limits.ts";
import { type Observer, type Operation, recordOf } from "./observer.ts";

export interface BenchCheck extends Judgement {
  /** Operations that went beyond what is kept. More than none: the verdict is `unknown` at best. */
  readonly notKept: number;
}

export interface HistoryBounds {
  readonly operationsMax: number;
  /** Of all listings together. */
  readonly entriesMax: number;
}

/**
 * Once it is full it keeps the history as it was at that moment, which can be judged by itself: what was called later is left
 * out; a change that was under way then is of unknown outcome, and a get that was had no answer.
 */
export class KeptHistory implements Observer {
  readonly #bounds: HistoryBounds;
  readonly #operations: RecordedOperation[] = [];
  readonly #listings: RecordedListing[] = [];
  /** One text for each path, however often it is written. */
  readonly #paths = new Map<string, string>();
  #entries = 0;
  #endNs: number | undefined;
  #notKept = 0;

  constructor(bounds: HistoryBounds = { operationsMax: BENCH_HISTORY_MAX, entriesMax: BENCH_LISTED_ENTRIES_MAX }) {
    this.#bounds = bounds;
  }

  operation(operation: Operation): void {
    const recorded = recordOf(operation);
    if (recorded === undefined) return;
    if (this.#endNs === undefined) {
      this.#operations.push({ ...recorded, path: this.#textOf(recorded.path) });
      if (this.#operations.length >= this.#bounds.operationsMax) this.#endNs = operation.returnNs;
      return;
    }
    this.#notKept++;
    if (recorded.callNs > this.#endNs || recorded.kind === "get" || roleOf(recorded) === "nothing") return;
    this.#operations.push({ ...recorded, version: null, returnNs: null, outcome: "unknown" });
  }

  /** A listing that shows what the last one showed takes no room. */
  listing(listing: RecordedListing): void {
    const last = this.#listings.at(-1)?.entries ?? [];
    const entries = sameEntries(last, listing.entries) ? last : listing.entries;
    if (entries !== last) this.#entries += entries.length;
    if (this.#endNs === undefined && this.#entries <= this.#bounds.entriesMax) this.#listings.push({ ...listing, entries });
    else this.#notKept++;
  }

  /** Takes time in proportion to what was kept. */
  judge(): BenchCheck {
    const judgement = judge(this.#operations, this.#listings);
    const verdict = judgement.verdict === "ok" && this.#notKept > 0 ? "unknown" : judgement.verdict;
    return { ...judgement, verdict, notKept: this.#notKept };
  }

  #textOf(path: string): string {
    const text = this.#paths.get(path);
    if (text === undefined) this.#paths.set(path, path);
    return text ?? path;
  }
}

function sameEntries(a: RecordedListing["entries"], b: RecordedListing["entries"]): boolean {
  return a.length === b.length && a.every(({ path, version }, index) => path === b[index]?.path && version === b[index]?.version);
}
