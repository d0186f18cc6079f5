/** The ballots of the files that were listed last, in bounded memory. */
import type { Path } from "../base/ids.ts";
import type { Ballot } from "../wire/messages.ts";

/** Two generations: when the younger is full it becomes the older, which goes. So no entry is ever looked for to be dropped. */
export class RecentBallots {
  readonly #filesMax: number;
  #young = new Map<Path, Ballot>();
  #old = new Map<Path, Ballot>();

  /** Remembers at least half of `filesMax` files, at most all. */
  constructor(filesMax: number) {
    this.#filesMax = filesMax;
  }

  get(path: Path): Ballot | undefined {
    return this.#young.get(path) ?? this.#old.get(path);
  }

  set(path: Path, ballot: Ballot): void {
    this.#young.set(path, ballot);
    if (this.#young.size * 2 < this.#filesMax) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
