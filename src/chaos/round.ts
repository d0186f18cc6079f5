/**
 * A round: a few hot files that live for some seconds, and everything that was done to them. Rounds keep a run's memory bounded:
 * when a round is over and judged, a few words about each of its files are all that stays.
 */
import type { Path } from "../base/ids.ts";
import type { RecordedListing, RecordedOperation } from "../check/history.ts";

export type Recorded = RecordedOperation | RecordedListing;

export class Round {
  readonly number: number;
  readonly directory: Path;
  readonly paths: readonly Path[];
  readonly recorded: Recorded[] = [];
  /** Whole contents by the id that their first bytes show. */
  readonly #checksums = new Map<string, string>();
  readonly #latest = new Map<Path, number>();
  /** Operations under way. */
  busy = 0;
  /** Found while it was recorded: what no history can excuse. */
  readonly findings: string[] = [];

  constructor(directory: Path, number: number, files: number) {
    this.number = number;
    this.directory = `${directory}/r${number}`;
    this.paths = Array.from({ length: files }, (_, index) => `${this.directory}/f${index}`);
  }

  /** The highest version of a file that was seen; 0: none. */
  latest(path: Path): number {
    return this.#latest.get(path) ?? 0;
  }

  record(recorded: Recorded): void {
    this.recorded.push(recorded);
    if (recorded.kind === "ls" || recorded.version === null) return;
    this.#latest.set(recorded.path, Math.max(this.latest(recorded.path), recorded.version));
  }

  /** A put is about to write this. */
  writes(valueId: string, checksum: string): void {
    this.#checksums.set(valueId, checksum);
  }

  /** A read returned this: it must be, byte for byte, what some put of the round wrote. */
  reads(path: Path, version: number, valueId: string | null, checksum: string): void {
    const written = valueId === null ? undefined : this.#checksums.get(valueId);
    if (written === checksum) return;
    const what = written === undefined ? "bytes that nobody wrote" : `the first bytes of ${valueId} and then others`;
    this.findings.push(`${path}@${version}: a read returned ${what} (${checksum})`);
  }
}
