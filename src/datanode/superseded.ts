/**
 * P23: inline bytes of versions that a head dropped are deleted only once that head is known chosen. Here are the files of which an earlier
 * value was replaced by one that may name fewer versions, and those of them whose trims can go along with the next commit.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { SUPERSEDED_MAX } from "../limits.ts";
import type { Log, NodeStore, Trim } from "../ports.ts";
import { operationsNamed, versionsNamed } from "../wire/head-summary.ts";

export class Superseded {
  readonly #store: NodeStore;
  readonly #log: Log;
  readonly #waiting = new Set<Path>();
  readonly #trimmable = new Set<Path>();

  constructor(store: NodeStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** A head takes the place of another one. */
  replaced(path: Path, before: Uint8Array, after: Uint8Array): void {
    if (mayDrop(before, after)) this.#wait(path);
  }

  /** What is accepted of the file is known chosen. */
  chosen(path: Path): void {
    if (this.#waiting.delete(path)) this.#trimmable.add(path);
  }

  /** The commit that they were to go along with failed. */
  again(trims: readonly Trim[]): void {
    for (const { path } of trims) this.#trimmable.add(path);
  }

  /** The inline bytes that chosen heads no longer name. */
  takeTrims(): Trim[] {
    const trims: Trim[] = [];
    for (const path of this.#trimmable) {
      const stored = this.#store.register(path);
      if (stored !== undefined && !stored.chosen) this.#wait(path); // the hint was about the value before
      const keep = stored?.chosen ? this.#kept(path, stored.head) : undefined;
      if (stored !== undefined && keep !== undefined) trims.push({ path, ballot: stored.ballot, keep });
    }
    this.#trimmable.clear();
    return trims;
  }

  /** Whether a head names the version that an operation made; not if it cannot be read. */
  names(path: Path, head: Uint8Array, random: string): boolean {
    return this.#kept(path, head)?.includes(random) ?? false;
  }

  /** The operations whose bytes stay. Undefined: a damaged head does not say, so all of them do. */
  #kept(path: Path, head: Uint8Array): string[] | undefined {
    try {
      return operationsNamed(head);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#log.warn("a stored head cannot be read", { path, why: messageOf(error) });
      return undefined;
    }
  }

  /** Bounded: what is forgotten here is trimmed at the file's next change. */
  #wait(path: Path): void {
    this.#waiting.add(path);
    if (this.#waiting.size <= SUPERSEDED_MAX) return;
    const [oldest] = this.#waiting;
    if (oldest !== undefined) this.#waiting.delete(oldest);
  }
}

/** False when the new head stands right on the one before it, and names one version more: all that was named still is. */
function mayDrop(before: Uint8Array, after: Uint8Array): boolean {
  try {
    const standsOn = operationsNamed(after, 2)[1] === operationsNamed(before, 1)[0];
    return !standsOn || versionsNamed(after) <= versionsNamed(before);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return true; // a damaged head: the trim sees to it
  }
}
