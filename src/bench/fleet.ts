/** Client processes that share a run's load: what the run needs of them. The real ones are in cli/bench/fleet.ts. */
import type { Emit } from "./meter.ts";
import type { Observer } from "./observer.ts";
import type { BenchPlan } from "./plan.ts";

/** What they all are told. */
export interface FleetJob {
  readonly plan: BenchPlan;
  readonly directory: string;
  readonly nodes: readonly string[];
  /** What contents consist of (values.ts). */
  readonly block: string;
  /** What each is to write down of its operations, for `replay`. */
  readonly record: "nothing" | "operations" | "operations and listings";
}

export interface LoadEnd {
  /** When its last operation had ended, on the clock of the process that asks. */
  readonly endMs: number;
  /** Latest counts of files by node; "" for all. */
  readonly found: ReadonlyMap<string, number>;
}

export interface LoadProcess {
  /**
   * Makes its share of the load, from `startMs` on (on the asking process's clock). Hands over every interval once, in order.
   * @throws QdfsError when the process ended before it was done: what the others measured is not what was asked for
   */
  run(startMs: number, emit: Emit, stopped: () => boolean): Promise<LoadEnd>;
}

export interface Fleet {
  readonly processes: readonly LoadProcess[];
  /**
   * Shows what was written down, from all processes in the order of their ends, on the asking process's clock: calls are
   * never later, returns never earlier than they were, so that a checker finds no order that there was not.
   */
  replay(observer: Observer, originMs: number): Promise<void>;
  /** Ends them all, whatever they are doing. */
  close(): Promise<void>;
}
