/**
 * The operations that must have a place in the order and have none yet. One may be placed next if its call is not after the
 * first return of all those still unplaced (`horizonNs`): else the one that had returned before it was called would come later.
 * What is placed is remembered in a trail, so that the search can go back.
 */
import type { RecordedOperation } from "./history.ts";

export class Unplaced {
  readonly operations: readonly RecordedOperation[];
  readonly #callNs: Float64Array;
  readonly #returnNs: Float64Array;
  /** A ring through the unplaced in order of their calls; its head lies behind the last operation. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #placed: Uint8Array;
  /** Indices in order of return, and where each of them stands there. */
  readonly #byReturn: Int32Array;
  readonly #rank: Int32Array;
  /** Everything before it in that order is placed. */
  #firstReturn = 0;
  #count: number;

  constructor(required: readonly RecordedOperation[]) {
    this.operations = required.toSorted((a, b) => a.callNs - b.callNs);
    const count = required.length;
    this.#count = count;
    this.#callNs = Float64Array.from(this.operations, ({ callNs }) => callNs);
    this.#returnNs = Float64Array.from(this.operations, ({ returnNs }) => returnNs ?? Number.POSITIVE_INFINITY);
    this.#next = Int32Array.from({ length: count + 1 }, (_, index) => (index === count ? 0 : index + 1));
    this.#previous = Int32Array.from({ length: count + 1 }, (_, index) => (index === 0 ? count : index - 1));
    this.#placed = new Uint8Array(count);
    this.#byReturn = Int32Array.from({ length: count }, (_, index) => index).sort((a, b) => this.#ret(a) - this.#ret(b));
    this.#rank = new Int32Array(count);
    for (const [rank, index] of this.#byReturn.entries()) this.#rank[index] = rank;
  }

  get count(): number {
    return this.#count;
  }

  horizonNs(): number {
    while (this.#firstReturn < this.#byReturn.length && this.#placed[this.#byReturn[this.#firstReturn] ?? 0] === 1) {
      this.#firstReturn++;
    }
    return this.#firstReturn < this.#byReturn.length
      ? this.#ret(this.#byReturn[this.#firstReturn] ?? 0)
      : Number.POSITIVE_INFINITY;
  }

  /** The first that may be placed next; undefined: none. */
  first(): number | undefined {
    return this.#inWindow(this.#next[this.operations.length] ?? 0);
  }

  /** The next one after `index` that may be placed next, by the horizon of this moment. `index` may have been placed since. */
  after(index: number): number | undefined {
    return this.#inWindow(this.#next[index] ?? 0);
  }

  mayBePlaced(index: number): boolean {
    return (this.#callNs[index] ?? 0) <= this.horizonNs();
  }

  place(index: number): void {
    const [next, previous] = [this.#next[index] ?? 0, this.#previous[index] ?? 0];
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#placed[index] = 1;
    this.#count--;
  }

  /** Takes back the last `place` that was not taken back. */
  unplace(index: number): void {
    this.#next[this.#previous[index] ?? 0] = index;
    this.#previous[this.#next[index] ?? 0] = index;
    this.#placed[index] = 0;
    this.#count++;
    this.#firstReturn = Math.min(this.#firstReturn, this.#rank[index] ?? 0);
  }

  /** Equal for two moments of a search if and only if the same operations are placed. */
  key(): string {
    let key = "";
    for (let index = this.first(); index !== undefined; index = this.after(index)) key += `${index} `;
    return key;
  }

  #inWindow(index: number): number | undefined {
    return index < this.operations.length && (this.#callNs[index] ?? 0) <= this.horizonNs() ? index : undefined;
  }

  #ret(index: number): number {
    return this.#returnNs[index] ?? 0;
  }
}
