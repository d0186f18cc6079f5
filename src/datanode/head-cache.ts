/**
 * The heads that this coordinator proposed last, decoded. The next operation on a file finds the ballot again in phase 1, and
 * one ballot has one value (I3), so it need not decode the bytes. Bounded; the file not written for longest goes first.
 */
import type { Path } from "../base/ids.ts";
import { HEADS_CACHE_BYTES } from "../limits.ts";
import { sameBallot } from "../register/ballot.ts";
import type { Ballot, Head } from "../wire/messages.ts";

interface Entry {
  readonly ballot: Ballot;
  readonly head: Head;
  readonly sizeBytes: number;
}

export class HeadCache {
  /** A Map keeps the order of insertion. */
  readonly #entries = new Map<Path, Entry>();
  #bytes = 0;

  get(path: Path, ballot: Ballot): Head | undefined {
    const entry = this.#entries.get(path);
    return entry !== undefined && sameBallot(entry.ballot, ballot) ? entry.head : undefined;
  }

  /** `sizeBytes`: of the encoded head. */
  set(path: Path, ballot: Ballot, head: Head, sizeBytes: number): void {
    this.#drop(path);
    this.#entries.set(path, { ballot, head, sizeBytes });
    this.#bytes += sizeBytes;
    if (this.#bytes <= HEADS_CACHE_BYTES) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= HEADS_CACHE_BYTES) return;
      this.#drop(oldest);
    }
  }

  #drop(path: Path): void {
    this.#bytes -= this.#entries.get(path)?.sizeBytes ?? 0;
    this.#entries.delete(path);
  }
}
