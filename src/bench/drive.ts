/**
 * When operations start. Closed loop: each of clients × inFlight slots starts its next operation when the last one ended,
 * so a slow system is asked less. Open loop (a rate): operation i is due at start + i / rate whatever became of the others,
 * and its latency counts from then even when it had to wait for a slot: a stall shows in every operation that it
 * delayed ("coordinated omission", Tene 2013).
 */
import type { Clock, Timers } from "../ports.ts";
import { ALL, type Share } from "./share.ts";

/** Performs one operation for a logical client; resolves with false when it failed. */
export type Start = (client: number, sinceMs: number) => Promise<boolean>;

/** After a failure a slot pauses: a cluster that is gone fails in microseconds, and a busy loop measures nothing. */
const ERROR_PAUSE_MS = 10;
/** A free slot that its timer woke this late was held up by the timer, not by the system: not counted. */
const TIMER_SLACK_MS = 2;

export interface LoadPlan {
  /** Logical clients. */
  readonly clients: number;
  /** Concurrent operations of each client. */
  readonly inFlight: number;
  readonly durationMs: number;
  /** Operations per second over all clients of all who share the load; null: closed loop. */
  readonly ratePerSec: number | null;
  /** Which of the operations of an open loop are started here. Left out: all of them. */
  readonly share?: Share;
}

export interface Pace {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Once it is true no further operation starts. */
  readonly stopped: () => boolean;
}

/** Resolves with the time from the first start to the last end, ms. Rejects with what `start` rejected with: a bug. */
export async function drive(plan: LoadPlan, pace: Pace, start: Start): Promise<number> {
  const startMs = pace.clock.monotonicMs();
  const slot =
    plan.ratePerSec === null ? closedSlot(plan, pace, start, startMs) : openSlot(plan.ratePerSec, plan, pace, start, startMs);
  await Promise.all(Array.from({ length: plan.clients * plan.inFlight }, (_, index) => slot((index % plan.clients) + 1)));
  return pace.clock.monotonicMs() - startMs;
}

function closedSlot(plan: LoadPlan, pace: Pace, start: Start, startMs: number): (client: number) => Promise<void> {
  const endMs = startMs + plan.durationMs;
  return async (client) => {
    while (!pace.stopped()) {
      const nowMs = pace.clock.monotonicMs();
      if (nowMs >= endMs) return;
      if (!(await start(client, nowMs))) await sleep(pace.timers, ERROR_PAUSE_MS);
    }
  };
}

function openSlot(
  ratePerSec: number,
  plan: LoadPlan,
  pace: Pace,
  start: Start,
  startMs: number,
): (client: number) => Promise<void> {
  const operations = Math.floor((plan.durationMs / 1000) * ratePerSec);
  const { index, of } = plan.share ?? ALL;
  let next = index;
  return async (client) => {
    while (!pace.stopped() && next < operations) {
      const dueMs = startMs + (next / ratePerSec) * 1000;
      next += of;
      const freeMs = pace.clock.monotonicMs();
      if (freeMs < dueMs) await sleep(pace.timers, dueMs - freeMs);
      const nowMs = pace.clock.monotonicMs();
      const heldUpByTimer = freeMs < dueMs && nowMs - dueMs < TIMER_SLACK_MS;
      await start(client, heldUpByTimer ? nowMs : dueMs);
    }
  };
}

function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => void timers.after(delayMs, resolve));
}
