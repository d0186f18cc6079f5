/**
 * Tells a request that comes for the second time. Ids of one session rise; on a wire that keeps order a look at the highest is
 * all that it takes. Those that it skipped are remembered, for wires that let messages overtake each other.
 */
const SKIPPED_MAX = 1024;
/** Ids wrap after 2^32 calls: one that lies this far below is a new one. */
const WRAPPED = 2 ** 31;

export class RequestIds {
  #highest: number | undefined;
  readonly #skipped = new Set<number>();

  /** True the first time; a second time, and for what was overtaken by far too many, false. */
  isNew(id: number): boolean {
    if (this.#highest === undefined || this.#highest - id > WRAPPED) {
      this.#skipped.clear();
      this.#skip(Math.max(1, id - SKIPPED_MAX), id);
      this.#highest = id;
      return true;
    }
    if (id <= this.#highest) return this.#skipped.delete(id);
    this.#skip(Math.max(this.#highest + 1, id - SKIPPED_MAX), id);
    this.#highest = id;
    return true;
  }

  #skip(from: number, to: number): void {
    for (let id = from; id < to; id += 1) this.#skipped.add(id);
    if (this.#skipped.size <= SKIPPED_MAX) return;
    for (const id of this.#skipped) {
      if (this.#skipped.size <= SKIPPED_MAX) return;
      this.#skipped.delete(id);
    }
  }
}
