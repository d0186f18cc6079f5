/**
 * The heads that this coordinator proposed last, decoded. The next operation on a file finds the ballot again in phase 1, and
 * one ballot has one value (I3), so it need not decode the bytes. Bounded; the file not written for longest goes first.
 */
import type { Path } from "../base/ids.ts";
import { HEADS_CACHED } from "../limits.ts";
import { sameBallot } from "../register/ballot.ts";
import type { Ballot, Head } from "../wire/messages.ts";

export class HeadCache {
  /** A Map keeps the order of insertion. */
  readonly #entries = new Map<Path, { readonly ballot: Ballot; readonly head: Head }>();

  get(path: Path, ballot: Ballot): Head | undefined {
    const entry = this.#entries.get(path);
    return entry !== undefined && sameBallot(entry.ballot, ballot) ? entry.head : undefined;
  }

  set(path: Path, ballot: Ballot, head: Head): void {
    this.#entries.delete(path);
    this.#entries.set(path, { ballot, head });
    if (this.#entries.size <= HEADS_CACHED) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
