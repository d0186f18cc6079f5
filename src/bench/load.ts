/** The part of a run's load that one process makes: all of it, or a share beside other processes. */

import type { Cancel, Runtime } from "../ports.ts";
import { BENCH_SERIES_ROWS_MAX } from "../tool-limits.ts";
import { drive } from "./drive.ts";
import { type Emit, Meter } from "./meter.ts";
import type { Operations } from "./operations.ts";
import type { BenchPlan } from "./plan.ts";
import type { Share } from "./share.ts";

export interface LoadOptions {
  readonly plan: BenchPlan;
  readonly share: Share;
  readonly operations: Operations;
  readonly nodes: readonly string[];
  readonly runtime: Runtime;
  /** When the load, and with it the warm-up, begins: on this process's clock. */
  readonly startMs: number;
  /** Takes what was counted, interval by interval. */
  readonly emit: Emit;
  /** Once it is true no further operation starts. */
  readonly stopped: () => boolean;
}

/** A second, unless the run would have too many of them. */
export function intervalMsOf(plan: BenchPlan): number {
  return 1000 * Math.max(1, Math.ceil(plan.durationMs / 1000 / BENCH_SERIES_ROWS_MAX));
}

/**
 * Makes the load and counts what was due after the warm-up. Resolves with the moment, on this process's clock, at which the last
 * operation had ended; rejects on bugs alone.
 */
export async function runLoad({ plan, share, operations, nodes, runtime, startMs, emit, stopped }: LoadOptions): Promise<number> {
  const { clock, timers } = runtime;
  const waitMs = startMs - clock.monotonicMs();
  if (waitMs > 0) await new Promise<void>((resolve) => void timers.after(waitMs, resolve));
  const fromMs = startMs + plan.warmUpMs;
  const meter = new Meter({ fromMs, intervalMs: intervalMsOf(plan), nodes, emit });
  const stopTicking = tick(meter, runtime);
  const { index, of } = share;
  const load = {
    clients: Math.ceil((plan.clients - index) / of),
    inFlight: plan.inFlight,
    durationMs: plan.warmUpMs + plan.durationMs,
    ratePerSec: plan.ratePerSec,
    share,
  };
  try {
    await drive(load, { clock, timers, stopped }, (client, sinceMs) =>
      operations.draw((client - 1) * of + index + 1, sinceMs, sinceMs < fromMs ? undefined : meter),
    );
  } finally {
    stopTicking();
  }
  const endMs = clock.monotonicMs();
  meter.close(endMs);
  return endMs;
}

/** Hands over each interval when it is past, whether operations end or not. */
function tick(meter: Meter, { clock, timers }: Runtime): Cancel {
  let cancel: Cancel = () => {};
  const wait = () => {
    cancel = timers.after(Math.max(1, meter.nextMs - clock.monotonicMs()), () => {
      meter.advance(clock.monotonicMs());
      wait();
    });
  };
  wait();
  return () => cancel();
}
