/**
 * Which accepted values are known chosen, without a write per hint. Nearly every accept is known chosen moments later, so
 * what is stored is how far the log was looked at, and the few sequences up to there that are not known chosen: one small
 * row, written along with some later commit. A crash may forget that a value is chosen, which costs a look at other
 * replicas; it never makes one look chosen that is not, for the row is written in a transaction after the accepts it speaks of.
 */

/** Changes between two writes, besides as many as the list is long: so that a write costs each change a constant. */
const CHANGES_BETWEEN = 64;

export class ChosenMarks {
  /** Sequences that are accepted values and not known chosen. */
  readonly #open: Set<number>;
  #through: number;
  #unsaved = 0;

  /**
   * `saved`: what `text` gave; "" for none, and what cannot be its word is none. `last`: the log's last sequence. What came
   * after the save is not known chosen: `acceptedAfter` tells the sequences of the accepted values among it.
   */
  constructor(saved: string, last: number, acceptedAfter: (sequence: number) => readonly number[]) {
    const [through, open] = parse(saved, last);
    this.#open = new Set(open);
    if (through < last) for (const sequence of acceptedAfter(through)) this.#open.add(sequence);
    this.#through = last;
  }

  has(sequence: number): boolean {
    return sequence <= this.#through && !this.#open.has(sequence);
  }

  /** A new accepted value, in place of the one at `before`. */
  accepted(sequence: number, chosen: boolean, before: number | undefined): void {
    if (before !== undefined) this.#open.delete(before);
    if (!chosen) this.#open.add(sequence);
    this.#through = Math.max(this.#through, sequence);
    this.#unsaved += 1;
  }

  /** The accepted value at `sequence` is no more. */
  dropped(sequence: number): void {
    this.#open.delete(sequence);
    this.#unsaved += 1;
  }

  choose(sequence: number): void {
    if (this.#open.delete(sequence)) this.#unsaved += 1;
  }

  get unsaved(): boolean {
    return this.#unsaved > 0;
  }

  get worthSaving(): boolean {
    return this.#unsaved >= CHANGES_BETWEEN + this.#open.size;
  }

  /** To be stored. */
  text(): string {
    return [this.#through, ...this.#open].join(" ");
  }

  saved(): void {
    this.#unsaved = 0;
  }
}

function parse(saved: string, last: number): [through: number, open: readonly number[]] {
  if (!/^\d{1,15}( \d{1,15})*$/.test(saved)) return [0, []];
  const [through = 0, ...open] = saved.split(" ").map(Number);
  return through <= last ? [through, open] : [0, []];
}
