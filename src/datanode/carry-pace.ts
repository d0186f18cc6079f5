/**
 * How fast a mover carries partitions over: as fast as the foreground does not feel it, and never faster than the limits say.
 *
 * Every file that is carried begins with a settle, which is what a strong read is: a small question to a quorum, through the same queues, disks and
 * processors as those of clients. So how long the settles take is what clients feel. The shortest that they took on the way (a median of a
 * window, so that neither the one nor the other extreme counts) is what the network and the machines give when nothing is in the way; when many of a
 * window take twice as long, the mover slows down at once, and otherwise becomes faster little by little. Several movers share what there is
 * without speaking of it. What lasts (a network that became slower) is forgiven in time: the shortest is forgotten by and by.
 */
import { CARRY_BYTES_PER_SEC, CARRY_FILES_PER_SEC, CARRY_SHARE_FIRST, CARRY_SHARE_MIN } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { Pace } from "./pace.ts";

/** Settles that are judged together. */
const WINDOW = 16;
/** So many of a window are as quick as usual, or it is too fast. */
const CALM = 0.875;
const STRETCH_MAX = 2;
/** Below this nobody feels a difference, and a clock's grain is not judged. */
const FELT_MS = 0.5;
const SLOWER = 0.6;
const FASTER = 1.15;
/** Per window. */
const FORGET = 1.01;
/** A copy of a chunk is one request however large it is: it goes at no less than this of its limit. */
const BYTES_SHARE_MIN = 1 / 8;

export class CarryPace {
  readonly #runtime: Runtime;
  readonly #files: Pace;
  readonly #bytes: Pace;
  /** Of the limits, in use now. */
  #share = CARRY_SHARE_FIRST;
  #shortestMs = Number.POSITIVE_INFINITY;
  #tookMs: number[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#files = new Pace(runtime.clock, runtime.timers, CARRY_FILES_PER_SEC);
    this.#bytes = new Pace(runtime.clock, runtime.timers, CARRY_BYTES_PER_SEC);
  }

  /** Of the limits, between CARRY_SHARE_MIN and 1. */
  get share(): number {
    return this.#share;
  }

  /** Resolves when one file more may be carried over. */
  file(): Promise<void> {
    return this.#files.spend(1 / this.#share);
  }

  /** Resolves when so many more bytes may be fetched. */
  bytes(count: number): Promise<void> {
    return this.#bytes.spend(count / Math.max(this.#share, BYTES_SHARE_MIN));
  }

  /** Resolves as the settle does, and learns from how long that took. */
  async settling<T>(settle: () => Promise<T>): Promise<T> {
    const sinceMs = this.#runtime.clock.monotonicMs();
    const settled = await settle();
    this.#took(this.#runtime.clock.monotonicMs() - sinceMs);
    return settled;
  }

  #took(ms: number): void {
    this.#tookMs.push(Math.max(ms, FELT_MS));
    if (this.#tookMs.length < WINDOW) return;
    const sorted = this.#tookMs.sort((a, b) => a - b);
    const [median = 0, calm = 0] = [sorted[WINDOW / 2], sorted[WINDOW * CALM]];
    this.#tookMs = [];
    this.#shortestMs = Math.min(this.#shortestMs * FORGET, median);
    const factor = calm > STRETCH_MAX * this.#shortestMs ? SLOWER : FASTER;
    this.#share = Math.min(1, Math.max(CARRY_SHARE_MIN, this.#share * factor));
  }
}
