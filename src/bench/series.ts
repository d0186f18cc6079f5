/** The run over time: a row per interval. */
import { KINDS, type Kind } from "./mix.ts";
import { type NodeCounts, perSecOf, type Tally } from "./tally.ts";

/** One stretch of the run, merged from all processes. */
export interface Interval {
  /** Since measuring began. */
  readonly fromSec: number;
  readonly durationSec: number;
  readonly tally: Tally;
}

export interface SeriesKind {
  readonly count: number;
  readonly errors: number;
  readonly perSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface SeriesRow {
  readonly fromSec: number;
  /** Of the interval; the last one may be shorter or longer than the others. */
  readonly durationSec: number;
  /** Over all kinds. */
  readonly perSec: number;
  readonly errors: number;
  /** Kinds of which some were done or failed. */
  readonly operations: Readonly<Partial<Record<Kind, SeriesKind>>>;
  readonly perNode: Readonly<Record<string, NodeCounts>>;
}

export function seriesRow({ fromSec, durationSec, tally }: Interval): SeriesRow {
  const operations: Partial<Record<Kind, SeriesKind>> = {};
  let errors = 0;
  for (const kind of KINDS) {
    const counted = tally.kinds[kind];
    errors += counted.errors;
    if (counted.count + counted.errors === 0) continue;
    const { latencies } = counted;
    operations[kind] = {
      count: counted.count,
      errors: counted.errors,
      perSec: perSecOf(counted.count, durationSec),
      p50Ms: latencies?.percentileMs(50) ?? 0,
      p99Ms: latencies?.percentileMs(99) ?? 0,
      maxMs: counted.maxUs / 1000,
    };
  }
  return { fromSec, durationSec, perSec: perSecOf(tally.count, durationSec), errors, operations, perNode: tally.perNode() };
}
