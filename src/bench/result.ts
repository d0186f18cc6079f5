/** What a run found, with all that it depends on: the JSON result of `qdfs bench` (CLI.md). */
import type { BenchCheck } from "./check.ts";
import type { Keys } from "./keys.ts";
import { KINDS, type Kind } from "./mix.ts";
import type { SeriesRow } from "./series.ts";
import type { Sizes } from "./sizes.ts";
import type { Stability } from "./stability.ts";
import type { KindResult, NodeCounts } from "./tally.ts";
import type { ClusterDescription } from "./target.ts";

/** Where the bench ran; the cluster may run elsewhere. */
export interface Machine {
  /** That this process may use. */
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly os: string;
}

/** Who made the result. */
export interface Origin {
  readonly version: string;
  /** As typed, without the program's path. */
  readonly command: string;
  readonly machine: Machine;
}

export interface BenchResult extends Origin {
  readonly mix: string;
  /** Over all processes. */
  readonly clients: number;
  /** Client processes. */
  readonly procs: number;
  /** Per client. */
  readonly inFlight: number;
  /** As asked for; null: closed loop. */
  readonly ratePerSec: number | null;
  /** Of load before measuring began. */
  readonly warmUpSec: number;
  /** From the end of the warm-up to the last end, not as asked for: a last operation that hangs is part of it. */
  readonly durationSec: number;
  /** Of contents; where they differ, their expected mean. */
  readonly sizeBytes: number;
  readonly sizes: Sizes;
  readonly files: number;
  readonly keys: Keys;
  readonly directory: string;
  readonly quorum: ClusterDescription["quorum"];
  /** DataNodes flush before they acknowledge; there is no other way to run them. */
  readonly fsync: true;
  /** When measuring began, ISO 8601. */
  readonly startedAt: string;
  readonly operations: Readonly<Record<Kind, KindResult>>;
  /** Puts by coordinator, gets by the node that sent the bytes. */
  readonly perNode: Readonly<Record<string, NodeCounts>>;
  readonly seriesIntervalSec: number;
  /** The run over time. */
  readonly series: readonly SeriesRow[];
  /** Where the run was to end when its throughput was level. */
  readonly stability?: Stability;
  /** What the last listings saw, when there were any. */
  readonly found?: { readonly files: number; readonly perNode: Readonly<Record<string, number>> };
  /** When it was asked for: whether all that was answered, preload and warm-up included, is linearizable. */
  readonly check?: BenchCheck;
}

/** Operations of the run that were not done, or may not have been. */
export function errorsOf(result: BenchResult): number {
  return KINDS.reduce((sum, kind) => sum + result.operations[kind].errors, 0);
}

/** Kinds of which some were done or failed. */
export function kindsOf(result: Pick<BenchResult, "operations">): readonly Kind[] {
  return KINDS.filter((kind) => result.operations[kind].count + result.operations[kind].errors > 0);
}
