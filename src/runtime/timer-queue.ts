/** Timers in order of their moment, and of their making where moments are equal: a binary heap. */
import type { Cancel } from "../ports.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  live: boolean;
}

const before = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class TimerQueue {
  readonly #heap: Timer[] = [];
  #made = 0;
  #live = 0;

  /** Timers that were neither taken nor cancelled. */
  get size(): number {
    return this.#live;
  }

  add(atMs: number, run: () => void): Cancel {
    const timer: Timer = { atMs, order: this.#made++, run, live: true };
    this.#live += 1;
    this.#rise(timer);
    return () => {
      if (timer.live) this.#live -= 1;
      timer.live = false;
    };
  }

  /** Takes the first timer if its moment is not after `endMs`. */
  takeBy(endMs: number): { readonly atMs: number; readonly run: () => void } | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= endMs; first = this.#heap[0]) {
      this.#dropFirst();
      if (!first.live) continue;
      first.live = false;
      this.#live -= 1;
      return first;
    }
    return undefined;
  }

  #rise(timer: Timer): void {
    let index = this.#heap.push(timer) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || before(parent, timer)) break;
      this.#heap[index] = parent;
      index = above;
    }
    this.#heap[index] = timer;
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const rightFirst = right !== undefined && before(right, left);
      const child = rightFirst ? right : left;
      if (before(last, child)) break;
      this.#heap[index] = child;
      index = 2 * index + (rightFirst ? 2 : 1);
    }
    this.#heap[index] = last;
  }
}
