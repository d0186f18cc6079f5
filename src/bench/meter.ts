/**
 * What one process counts, interval by interval. An operation belongs to the interval in which it ended; those that ended after the
 * last one asked for extend the run.
 */
import type { ErrorCode } from "../base/errors.ts";
import type { Kind } from "./mix.ts";
import { Tally } from "./tally.ts";

/** `whole`: false for what is left of an interval at the end. */
export type Emit = (index: number, tally: Tally, whole: boolean) => void;

export interface MeterOptions {
  /** When counting begins, on this process's clock. */
  readonly fromMs: number;
  readonly intervalMs: number;
  readonly nodes: readonly string[];
  /** Called once for each interval, in order, those without operations included. */
  readonly emit: Emit;
}

export class Meter {
  readonly #options: MeterOptions;
  #index = 0;
  #tally: Tally;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#tally = new Tally(options.nodes);
  }

  put(endMs: number, latencyMs: number, node: string, bytes: number): void {
    this.advance(endMs);
    this.#tally.put(latencyMs, node, bytes);
  }

  get(endMs: number, latencyMs: number, node: string, bytes: number): void {
    this.advance(endMs);
    this.#tally.get(latencyMs, node, bytes);
  }

  ls(endMs: number, latencyMs: number): void {
    this.advance(endMs);
    this.#tally.ls(latencyMs);
  }

  error(endMs: number, kind: Kind, code: ErrorCode): void {
    this.advance(endMs);
    this.#tally.error(kind, code);
  }

  /** When the current interval ends. */
  get nextMs(): number {
    return this.#options.fromMs + (this.#index + 1) * this.#options.intervalMs;
  }

  /** Hands over the intervals that are past. */
  advance(nowMs: number): void {
    while (nowMs >= this.nextMs) this.#emit(true);
  }

  /** Hands over what is left: the interval that was under way. */
  close(nowMs: number): void {
    this.advance(nowMs);
    this.#emit(false);
  }

  #emit(whole: boolean): void {
    const tally = this.#tally;
    this.#tally = new Tally(this.#options.nodes);
    this.#options.emit(this.#index++, tally, whole);
  }
}
