/**
 * Changes that may have taken effect, once, at any moment after their calls, or never. Those that differ in nothing but their
 * calls are interchangeable (their values were never read): an order that takes a later one first is still one with the two
 * exchanged. So of each such group only the first in order of call is ever tried.
 */
import type { RecordedOperation } from "./history.ts";

export class OpenChanges {
  readonly #groups: readonly (readonly RecordedOperation[])[];
  /** How many of each group are taken. */
  readonly #taken: Uint32Array;

  /** `valuesRead`: what any operation is known to have read. */
  constructor(open: readonly RecordedOperation[], valuesRead: ReadonlySet<string>) {
    const groups = new Map<string, RecordedOperation[]>();
    for (const operation of open.toSorted((a, b) => a.callNs - b.callNs)) {
      const { kind, precondition, of, valueId } = operation;
      const value = valueId !== null && !valuesRead.has(valueId) && kind === "put" ? "never read" : { valueId };
      const key = JSON.stringify([kind, precondition, of, value]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [operation]);
      else group.push(operation);
    }
    this.#groups = [...groups.values()];
    this.#taken = new Uint32Array(this.#groups.length);
  }

  get groups(): number {
    return this.#groups.length;
  }

  /** The one of a group that is tried next; undefined: all of them are taken, or it was called after the horizon. */
  candidate(group: number, horizonNs: number): RecordedOperation | undefined {
    const operation = this.#groups[group]?.[this.#taken[group] ?? 0];
    return operation !== undefined && operation.callNs <= horizonNs ? operation : undefined;
  }

  take(group: number): void {
    this.#taken[group] = (this.#taken[group] ?? 0) + 1;
  }

  putBack(group: number): void {
    this.#taken[group] = (this.#taken[group] ?? 0) - 1;
  }

  /** Equal for two moments of a search if the same ones are taken, or interchangeable ones. */
  key(): string {
    let key = "";
    for (const [group, taken] of this.#taken.entries()) if (taken > 0) key += `${group}:${taken} `;
    return key;
  }
}
