/**
 * Changes that may have taken effect, once, at any moment after their calls, or never. Those that differ in nothing but their
 * calls are interchangeable (their values were never read): an order that takes a later one first is still one with the two
 * exchanged. So of each such group only the first in order of call is ever tried.
 *
 * A change whose value was read at one version only (`claims.ts`) is tied to that version; the rest is loose.
 */
import type { Claims } from "./claims.ts";
import type { RecordedOperation } from "./history.ts";

const NONE: readonly number[] = [];

export class OpenChanges {
  readonly #groups: readonly (readonly RecordedOperation[])[];
  /** How many of each group are taken. */
  readonly #taken: Uint32Array;
  readonly #tied = new Map<number, number[]>();
  readonly #loose: number[] = [];

  /** `valuesRead`: what any operation is known to have read. */
  constructor(open: readonly RecordedOperation[], valuesRead: ReadonlySet<string>, claims: Claims | undefined) {
    const groups = new Map<string, RecordedOperation[]>();
    for (const operation of open.toSorted((a, b) => a.callNs - b.callNs)) {
      const key = groupOf(operation, valuesRead);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [operation]);
      else group.push(operation);
    }
    this.#groups = [...groups.values()];
    this.#taken = new Uint32Array(this.#groups.length);
    for (const [index, [operation]] of this.#groups.entries()) {
      const version = operation === undefined ? undefined : claims?.onlyVersionOf(operation);
      if (version === undefined) this.#loose.push(index);
      else this.#tied.set(version, [...(this.#tied.get(version) ?? NONE), index]);
    }
  }

  /** Groups of changes that may have made this version, as far as their values go. */
  *groupsFor(version: number): Generator<number> {
    yield* this.#tied.get(version) ?? NONE;
    yield* this.#loose;
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

  /**
   * Equal for two moments of a search at the same version if what is left is the same but for interchangeable ones. (Of the tied
   * changes none that is left can still be taken if its version has passed, and none is taken before.)
   */
  key(): string {
    let key = "";
    for (const group of this.#loose) {
      const taken = this.#taken[group] ?? 0;
      if (taken > 0) key += `${group}:${taken} `;
    }
    return key;
  }
}

function groupOf({ kind, precondition, of, valueId }: RecordedOperation, valuesRead: ReadonlySet<string>): string {
  const condition = precondition === undefined ? "" : "absent" in precondition ? "absent" : `${precondition.version}`;
  const value = kind !== "put" ? "" : valueId === null ? "unknown" : valuesRead.has(valueId) ? `=${valueId}` : "never read";
  return `${kind} ${condition} ${of ?? ""} ${value}`;
}
