/**
 * The deterministic twin of runtime.ts: time stands still until it is advanced, chance follows from a seed, the log is kept.
 * The same seed and the same calls give the same run. Promises settle between any two timers, as they do in the real world.
 */
import { drainMicrotasks } from "bun:jsc";
import { assert } from "../base/errors.ts";
import type { Cancel, Clock, Log, Random, Runtime, Timers } from "../ports.ts";
import { lineLog } from "./log.ts";
import { seededRandom } from "./seeded-random.ts";
import { TimerQueue } from "./timer-queue.ts";

/** 2023-11-14: wall clocks begin at some plausible moment. */
const WALL_START_MS = 1_700_000_000_000;
/** A timer that waits at all waits so long, or time that is left after rounding would never pass. */
const WAIT_MS_MIN = 0.001;

export class FakeRuntime implements Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  /** Everything that was logged, oldest first. */
  readonly lines: string[] = [];
  /** Added to the wall clock alone: clocks jump. */
  wallSkewMs = 0;
  /** Called before each timer runs, with its moment: what a trace of the run can be made of. */
  onStep: ((atMs: number) => void) | undefined;
  #nowMs = 0;
  #soon: (() => void)[] = [];
  readonly #queue = new TimerQueue();

  constructor(seed = 1) {
    this.clock = { monotonicMs: () => this.#nowMs, wallMs: () => Math.floor(WALL_START_MS + this.#nowMs + this.wallSkewMs) };
    this.random = seededRandom(seed);
    this.timers = {
      after: (delayMs, run): Cancel => this.#queue.add(this.#nowMs + (delayMs > 0 ? Math.max(WAIT_MS_MIN, delayMs) : 0), run),
      soon: (run) => void this.#soon.push(run),
    };
    this.log = lineLog("debug", this.clock.wallMs, (line) => void this.lines.push(line));
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Runs everything that is due now: promises, then what was asked for `soon`, until nothing of either is left. */
  settle(): void {
    drainMicrotasks();
    while (this.#soon.length > 0) {
      const turn = this.#soon;
      this.#soon = [];
      for (const run of turn) run();
      drainMicrotasks();
    }
  }

  /** Runs time forward until `done()`, which is asked between timers; false: `spanMs` of virtual time passed before. */
  advanceUntil(done: () => boolean, spanMs: number): boolean {
    const endMs = this.#nowMs + spanMs;
    this.settle();
    while (!done()) {
      if (!this.#step(endMs)) {
        this.#nowMs = endMs;
        return false;
      }
      this.settle();
    }
    return true;
  }

  /** Lets `spanMs` of virtual time pass, running each timer at its moment. */
  advance(spanMs: number): void {
    const endMs = this.#nowMs + spanMs;
    this.settle();
    while (this.#step(endMs)) this.settle();
    this.#nowMs = endMs;
  }

  /** Runs timers until none waits; at most `spanMs` of virtual time passes. Returns the time that passed. */
  runUntilIdle(spanMs = 3_600_000): number {
    const startMs = this.#nowMs;
    this.settle();
    while (this.#step(startMs + spanMs)) this.settle();
    return this.#nowMs - startMs;
  }

  /** Runs time forward until the promise has settled, and gives its result. */
  async until<T>(promise: Promise<T>, spanMs = 3_600_000): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    const endMs = this.#nowMs + spanMs;
    this.settle();
    while (!settled && this.#step(endMs)) this.settle();
    assert(settled, `a promise settles within ${spanMs} ms of virtual time`);
    return await promise;
  }

  /** Runs the next timer if it is due by `endMs`. */
  #step(endMs: number): boolean {
    const next = this.#queue.takeBy(endMs);
    if (next === undefined) return false;
    this.#nowMs = next.atMs;
    this.onStep?.(next.atMs);
    next.run();
    return true;
  }
}
