/**
 * One life of a simulated process: the world as it sees it until it dies. Its timers die with it, nothing that it sends after
 * its death leaves the place it sent from, and its disk takes nothing more. Whatever a process does that anyone else can see
 * begins at a port, so a life that ends at its k-th use of one has ended at any await that one likes.
 */
import type { Cancel, Clock, Log, Random, Runtime, Timers } from "../ports.ts";

/** The wall clock of a host: wrong by `skewMs`, and by `driftShare` of the time that passes. */
export interface WallClock {
  skewMs: number;
  driftShare: number;
}

export interface LifeParts {
  readonly runtime: Runtime;
  readonly place: string;
  readonly wall: WallClock;
  readonly random: Random;
  readonly log: Log;
}

const NOBODY = (): void => {};

export class Life implements Runtime {
  readonly place: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timers: Timers;
  readonly #onDeath: (() => void)[] = [];
  readonly #runtime: Runtime;
  #over = false;
  /** What waits while this process stands still; undefined: it runs. */
  #frozen: (() => void)[] | undefined;
  #usesLeft = Number.POSITIVE_INFINITY;
  #atLast: () => void = NOBODY;

  constructor({ runtime, place, wall, random, log }: LifeParts) {
    this.#runtime = runtime;
    this.place = place;
    this.random = random;
    this.log = log;
    this.clock = {
      monotonicMs: runtime.clock.monotonicMs,
      wallMs: () => Math.floor(runtime.clock.wallMs() + wall.skewMs + wall.driftShare * runtime.clock.monotonicMs()),
    };
    this.timers = {
      after: (delayMs, run): Cancel => {
        this.use();
        return this.#over ? NOBODY : runtime.timers.after(delayMs, this.#whileAlive(run));
      },
      soon: (run) => {
        this.use();
        if (!this.#over) runtime.timers.soon(this.#whileAlive(run));
      },
    };
  }

  get over(): boolean {
    return this.#over;
  }

  /** Stands still: nothing of this process runs until `thaw`, but time passes. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const run of waiting) this.#runtime.timers.soon(run);
  }

  /** Resolves when this process runs (again). */
  awake(): Promise<void> {
    const frozen = this.#frozen;
    return frozen === undefined ? Promise.resolve() : new Promise((resolve) => frozen.push(resolve));
  }

  #whileAlive(run: () => void): () => void {
    const running = (): void => {
      if (this.#over) return;
      if (this.#frozen !== undefined) {
        this.#frozen.push(running);
        return;
      }
      this.use();
      if (!this.#over) run();
    };
    return running;
  }

  /** A use of a port. May be the last thing that this process does. */
  use(): void {
    this.#usesLeft -= 1;
    if (this.#usesLeft === 0) this.#atLast();
  }

  /** Calls `run`, which is to end this life, at the `uses`-th use of a port from now; that use has no effect any more. */
  whenUsed(uses: number, run: () => void): void {
    this.#usesLeft = uses;
    this.#atLast = run;
  }

  /** What is to be done at the moment of death. */
  onDeath(run: () => void): void {
    this.#onDeath.push(run);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const run of this.#onDeath) run();
  }
}

/** For what a dead process waits. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
