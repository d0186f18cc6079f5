/**
 * How two clocks of one machine that run at the same rate stand to each other. A clock that is read between a question and its answer was
 * read between their moments, so each exchange bounds the difference, and all of them together bound it more closely
 * (Cristian, 1989). What follows from the bounds is certain, however slow an answer was.
 */
export class ClockBounds {
  #lowMs = Number.NEGATIVE_INFINITY;
  #highMs = Number.POSITIVE_INFINITY;

  /** The other clock read `otherMs` at some moment from `askedMs` to `answeredMs` on this one. */
  narrow(askedMs: number, otherMs: number, answeredMs: number): void {
    this.#lowMs = Math.max(this.#lowMs, askedMs - otherMs);
    this.#highMs = Math.min(this.#highMs, answeredMs - otherMs);
  }

  /** The earliest moment on this clock that a moment on the other one can have been. */
  earliestMs(otherMs: number): number {
    return otherMs + this.#lowMs;
  }

  /** The latest one. */
  latestMs(otherMs: number): number {
    return otherMs + this.#highMs;
  }

  /** The best guess, both ways. */
  fromOther(otherMs: number): number {
    return otherMs + this.#middleMs;
  }

  toOther(ms: number): number {
    return ms - this.#middleMs;
  }

  /** How far apart the bounds are. */
  get widthMs(): number {
    return this.#highMs - this.#lowMs;
  }

  get #middleMs(): number {
    return (this.#lowMs + this.#highMs) / 2;
  }
}
