/** What happened when, beside what a load met meanwhile. */

import { medianOf } from "../base/median.ts";
import type { KindRates } from "./bench-rates.ts";

/** The members of a result of `qdfs bench --check --json` (CLI.md) that a demo looks at. */
export interface LoadResult {
  readonly operations: { readonly put: KindRates; readonly get: KindRates };
  readonly series: readonly LoadRow[];
  readonly check: { readonly verdict: string };
}

interface LoadRow {
  readonly fromSec: number;
  readonly durationSec: number;
  readonly perSec: number;
  readonly errors: number;
  readonly operations: Readonly<Partial<Record<"put" | "get", KindRates>>>;
}

export class Timeline {
  #beganMs = 0;
  readonly #events: { readonly atSec: number; readonly what: string }[] = [];

  /** The load began then, by `performance.now()`. */
  begin(beganMs: number): void {
    this.#beganMs = beganMs;
    this.#events.push({ atSec: 0, what: "the load begins" });
  }

  at(what: string): void {
    this.#events.push({ atSec: (performance.now() - this.#beganMs) / 1000, what });
  }

  /** A line per event, with what the load did from then until the next one: medians of the seconds' p99, and the longest of all. */
  rows(series: readonly LoadRow[]): readonly string[] {
    const head = ["at".padStart(6), "".padEnd(34), "ops/s", "put p99 ms", "get p99 ms", "longest ms", "errors"].join("  ");
    return [head, ...this.#events.map((event, index) => this.#row(event, this.#events[index + 1]?.atSec, series))];
  }

  #row(
    { atSec, what }: { readonly atSec: number; readonly what: string },
    untilSec: number | undefined,
    series: readonly LoadRow[],
  ): string {
    const event = `${atSec.toFixed(0).padStart(4)} s  ${what.padEnd(34)}`;
    const during = series.filter(({ fromSec }) => fromSec >= atSec && fromSec < (untilSec ?? atSec));
    if (during.length === 0) return event;
    const lengthSec = during.reduce((sum, row) => sum + row.durationSec, 0);
    const perSec = during.reduce((sum, row) => sum + row.perSec * row.durationSec, 0) / lengthSec;
    const of = (kind: "put" | "get") => during.flatMap(({ operations }) => operations[kind] ?? []);
    const p99 = (kind: "put" | "get") =>
      medianOf(of(kind).map(({ p99Ms }) => p99Ms))
        .toFixed(1)
        .padStart(10);
    const longest = Math.max(...[...of("put"), ...of("get")].map(({ maxMs }) => maxMs));
    const errors = during.reduce((sum, row) => sum + row.errors, 0);
    return [
      event,
      perSec.toFixed(0).padStart(5),
      p99("put"),
      p99("get"),
      longest.toFixed(0).padStart(10),
      String(errors).padStart(6),
    ].join("  ");
  }
}
