/**
 * How far one disk's change log has been taken into the catalogue. Three marks on its sequences:
 *
 * `through`: read up to here; the next request asks for what comes after.
 * `resolved`: every entry that was read up to here is listed, superseded or settled. Only this is stored as the cursor,
 *   so that a restart reads again what was still waiting.
 * `covered`: every accept up to here was read, or a later accept of the same file was. That is more than `through` says: a log gives
 *   each file once, at its latest sequence, so while there is more to read, a file that was at 90 may stand at 130 and have been passed
 *   over by an answer that ends at 120. An answer that reached the log's end has passed over nothing.
 */
import type { Path } from "../base/ids.ts";
import type { Ballot } from "../wire/messages.ts";

interface Waiting {
  readonly sequence: number;
  readonly path: Path;
  readonly ballot: Ballot;
}

export class FollowedLog {
  readonly diskId: string;
  through: number;
  covered = 0;
  resolved: number;
  /** When an answer last reached the log's end, monotonic; undefined: not in this life. */
  coveredAtMs: number | undefined;
  /** Entries read and not yet known to be resolved, by sequence, from #first on. */
  #waiting: Waiting[] = [];
  #first = 0;

  constructor(diskId: string, cursor: number) {
    this.diskId = diskId;
    this.through = cursor;
    this.resolved = cursor;
  }

  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  push(sequence: number, path: Path, ballot: Ballot): void {
    this.#waiting.push({ sequence, path, ballot });
  }

  /** An answer was taken in whole. */
  readThrough(through: number, current: number, complete: boolean, nowMs: number): void {
    this.through = Math.max(this.through, through);
    if (!complete || through < current) return;
    this.covered = Math.max(this.covered, current);
    this.coveredAtMs = nowMs;
  }

  /** Moves `resolved` on past what `isResolved`. True when it moved. */
  advance(isResolved: (path: Path, ballot: Ballot) => boolean): boolean {
    for (let entry = this.#waiting[this.#first]; entry !== undefined; entry = this.#waiting[this.#first]) {
      if (!isResolved(entry.path, entry.ballot)) break;
      this.#first += 1;
    }
    if (this.#first > 1024 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    const next = this.#waiting[this.#first];
    const resolved = next === undefined ? this.through : next.sequence - 1;
    const moved = resolved > this.resolved;
    if (moved) this.resolved = resolved;
    return moved;
  }

  /** The first sequences of another life of the log are taken for granted no longer: it is read from its start. */
  restart(): void {
    this.through = 0;
    this.covered = 0;
    this.resolved = 0;
    this.coveredAtMs = undefined;
    this.#waiting = [];
    this.#first = 0;
  }
}
