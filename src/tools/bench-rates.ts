/** The members of a result of `qdfs bench --json` (CLI.md) that tools look at: they see the executable from outside, as users do. */

export interface KindRates {
  readonly count: number;
  readonly errors: number;
  readonly perSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface BenchRates {
  readonly operations: { readonly put: KindRates; readonly get: KindRates };
}
