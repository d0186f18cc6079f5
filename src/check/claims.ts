/**
 * What the answers say about single versions, all operations of a file taken together: who made it, what it holds, how many
 * answers still have to come from the time when it was the current one. It holds while versions never begin anew (no erased
 * tombstones); it decides nothing that the search would not find out, but spares it nearly everything.
 */
import type { RecordedOperation } from "./history.ts";

export class Claims {
  /** Two answers contradict each other about one version, or one value appears at two: there is no order. */
  readonly contradictory: boolean;
  /** Index of the change that says it made this version. */
  readonly #makers = new Map<number, number>();
  readonly #values = new Map<number, string>();
  /** The one version with this value; empty where a restore may repeat values. */
  readonly #versions = new Map<string, number>();
  readonly #owed = new Map<number, number>();
  readonly #restores: boolean;

  /** `required` as Unplaced has them: changes that were done, and observations. */
  constructor(required: readonly RecordedOperation[], open: readonly RecordedOperation[]) {
    this.#restores = required.some(isRestore) || open.some(isRestore);
    let contradictory = false;
    for (const [index, operation] of required.entries()) {
      const { kind, version, valueId, of, outcome } = operation;
      this.#add(boundVersion(operation), 1);
      if (outcome !== "ok") continue;
      const told = kind === "get" ? (of ?? version) : version;
      if (told === null) continue;
      if (kind !== "get") {
        contradictory ||= this.#makers.has(told);
        this.#makers.set(told, index);
      }
      if (valueId !== null) contradictory ||= !this.#holds(told, valueId);
    }
    this.contradictory = contradictory;
  }

  makerOf(version: number): number | undefined {
    return this.#makers.get(version);
  }

  /** Whether this version can have the content that an open change makes. */
  allows(version: number, { kind, valueId }: RecordedOperation): boolean {
    const value = this.#values.get(version);
    if (kind === "rm") return value === undefined;
    return kind === "restore" || valueId === null || value === undefined || value === valueId;
  }

  /** The only version that an open change can have made, because its value was read there; undefined: it may be any. */
  onlyVersionOf({ kind, valueId }: RecordedOperation): number | undefined {
    return kind !== "put" || valueId === null ? undefined : this.#versions.get(valueId);
  }

  /** Unplaced answers that can only have been given while this was the current version. */
  owedAt(version: number): number {
    return this.#owed.get(version) ?? 0;
  }

  placed(operation: RecordedOperation): void {
    this.#add(boundVersion(operation), -1);
  }

  unplaced(operation: RecordedOperation): void {
    this.#add(boundVersion(operation), 1);
  }

  #add(version: number | null, count: number): void {
    if (version !== null) this.#owed.set(version, (this.#owed.get(version) ?? 0) + count);
  }

  /** False: another value is known at this version, or this value at another one. */
  #holds(version: number, valueId: string): boolean {
    const value = this.#values.get(version);
    if (value !== undefined && value !== valueId) return false;
    this.#values.set(version, valueId);
    if (this.#restores) return true;
    const only = this.#versions.get(valueId);
    if (only !== undefined && only !== version) return false;
    this.#versions.set(valueId, version);
    return true;
  }
}

function isRestore({ kind }: RecordedOperation): boolean {
  return kind === "restore";
}

/** The version that must have been the current one when this observation was made; null: any may have been. */
function boundVersion({ kind, outcome, refusal, version, of }: RecordedOperation): number | null {
  if (kind === "get") return of === undefined ? version : null;
  return outcome === "fail" && refusal !== "not-found" ? version : null;
}
