import { assert } from "../base/errors.ts";

/**
 * The book of one operation's attempts (P12, P13): which number the next one carries, and what may be said at the end.
 *
 * An attempt that failed definitely was as good as never made. So while every attempt so far has, the next one is a first
 * attempt again; once the outcome of one is open, every later one is a repetition: its coordinator records whatever it
 * answers, so that the open one cannot do anything else afterwards.
 */
export class Attempts {
  #last = 0;
  #pending = 0;
  #open = 0;
  #sent = 0;

  /** The number that the attempt now to be sent carries. */
  begin(): number {
    if (this.nothingDone) this.#last = 0;
    this.#last += 1;
    this.#pending += 1;
    this.#sent += 1;
    return this.#last;
  }

  /** The attempt was never sent, or its failure says that nothing was done and nothing will be. */
  endedDefinitely(): void {
    assert(this.#pending > 0, "an attempt ends once");
    this.#pending -= 1;
  }

  /** The attempt was sent and will not be answered: it may still be carried out. */
  endedOpen(): void {
    this.endedDefinitely();
    this.#open += 1;
  }

  /** Nothing was done by any attempt so far, and nothing will be. */
  get nothingDone(): boolean {
    return this.#pending === 0 && this.#open === 0;
  }

  get pending(): number {
    return this.#pending;
  }

  get sent(): number {
    return this.#sent;
  }

  /**
   * Whether a refusal answered to attempt `number` (which has ended) is the last word: later attempts record theirs before
   * they answer, a first one does not, so it counts only while no other may still apply the operation.
   */
  refusalIsFinal(number: number): boolean {
    return number > 1 || this.nothingDone;
  }
}
