/** The files of the last accepts, by sequence: the young end of the change log, in memory. */
import { assert } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { RECENT_ACCEPTS } from "../limits.ts";

export class RecentPaths {
  /** The sequence of the first one kept; sequences rise by 1. */
  #from: number;
  #paths: Path[] = [];

  /** `last`: the sequence after which this life begins. */
  constructor(last: number) {
    this.#from = last + 1;
  }

  push(path: Path): void {
    this.#paths.push(path);
    if (this.#paths.length < 2 * RECENT_ACCEPTS) return;
    this.#paths = this.#paths.slice(RECENT_ACCEPTS);
    this.#from += RECENT_ACCEPTS;
  }

  /** True when everything after `sequence` is kept. */
  covers(sequence: number): boolean {
    return sequence + 1 >= this.#from;
  }

  /** The file that was accepted at a sequence that is covered. */
  at(sequence: number): Path {
    const path = this.#paths[sequence - this.#from];
    assert(path !== undefined, "only what is covered is asked for");
    return path;
  }
}
