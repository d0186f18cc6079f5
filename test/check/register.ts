/**
 * The versioned register once more, written as differently from src/check/model.ts as possible: it executes operations and says
 * what they answer. From it come histories that must be judged ok, and an oracle that tries every order.
 */
import type { Precondition, RecordedOperation, Refusal } from "../../src/check/history.ts";

/** What somebody asks for. */
export interface Wish {
  readonly kind: RecordedOperation["kind"];
  readonly valueId?: string;
  readonly precondition?: Precondition;
  readonly of?: number;
}

export interface Answer {
  readonly outcome: "ok" | "fail";
  readonly version: number | null;
  readonly valueId: string | null;
  readonly refusal?: Refusal;
}

interface Entry {
  /** Null: a removal. */
  readonly value: string | null;
}

export class Register {
  /** Entry i is version i + 1. */
  readonly #entries: Entry[];

  constructor(entries: readonly Entry[] = []) {
    this.#entries = [...entries];
  }

  copy(): Register {
    return new Register(this.#entries);
  }

  get isRemoved(): boolean {
    return this.#entries.length > 0 && this.#current() === null;
  }

  erase(): void {
    this.#entries.length = 0;
  }

  execute({ kind, valueId, precondition, of }: Wish): Answer {
    const version = this.#entries.length;
    const current = this.#current();
    if (kind === "get") {
      const asked = of ?? version;
      const value = this.#entries[asked - 1]?.value ?? null;
      return { outcome: "ok", version: value === null ? null : asked, valueId: value };
    }
    if (precondition !== undefined) {
      if ("absent" in precondition) {
        if (current !== null) return refuse("exists", version);
      } else if (precondition.version !== version) return refuse("version-differs", version);
    }
    if (kind === "rm") {
      if (current === null) return refuse("not-found", null);
      return this.#make(null);
    }
    if (kind === "put") return this.#make(valueId ?? null);
    const restored = this.#entries[(of ?? 0) - 1]?.value ?? null;
    return restored === null ? refuse("not-found", null) : this.#make(restored);
  }

  #current(): string | null {
    return this.#entries.at(-1)?.value ?? null;
  }

  #make(value: string | null): Answer {
    this.#entries.push({ value });
    return { outcome: "ok", version: this.#entries.length, valueId: value };
  }
}

/**
 * True if some order of the operations on one file explains them: tries all of them, one after the other. Knows no versions that
 * are not told, no retention (every version is kept) and values that are all told.
 */
export function hasOrder(operations: readonly RecordedOperation[], tombstonesErased = false): boolean {
  const counted = operations.filter((operation) => !leftNoTrace(operation));
  return explains(counted, new Register(), tombstonesErased);
}

function explains(left: readonly RecordedOperation[], register: Register, erasing: boolean): boolean {
  if (left.every(isOpen)) return true;
  if (erasing && register.isRemoved) {
    const erased = register.copy();
    erased.erase();
    if (explains(left, erased, erasing)) return true;
  }
  return left.some((operation, index) => {
    const rest = left.toSpliced(index, 1);
    if (rest.some((other) => !isOpen(other) && other.returnNs !== null && other.returnNs < operation.callNs)) return false;
    const after = register.copy();
    const answer = after.execute(wishOf(operation));
    if (isOpen(operation)) return answer.outcome === "ok" && explains(rest, after, erasing);
    return wasAnswer(operation, answer) && explains(rest, after, erasing);
  });
}

function wishOf({ kind, valueId, precondition, of }: RecordedOperation): Wish {
  return {
    kind,
    ...(kind === "put" && valueId !== null ? { valueId } : {}),
    ...(precondition === undefined ? {} : { precondition }),
    ...(of === undefined ? {} : { of }),
  };
}

function wasAnswer(operation: RecordedOperation, answer: Answer): boolean {
  if (operation.outcome !== answer.outcome || operation.refusal !== answer.refusal) return false;
  if (operation.kind === "get") {
    const nothing = operation.version === null && operation.valueId === null;
    if (nothing !== (answer.version === null)) return false;
  }
  const sameVersion = operation.version === null || operation.version === answer.version;
  const sameValue = operation.valueId === null || operation.outcome === "fail" || operation.valueId === answer.valueId;
  return sameVersion && sameValue;
}

function isOpen({ kind, outcome, guarantee }: RecordedOperation): boolean {
  return kind !== "get" && (outcome === "unknown" || (outcome === "ok" && guarantee === "early-ack"));
}

function leftNoTrace({ kind, outcome, guarantee, refusal }: RecordedOperation): boolean {
  if (kind === "get") return outcome !== "ok" || guarantee === "eventual";
  return outcome === "fail" && refusal === undefined;
}

function refuse(refusal: Refusal, version: number | null): Answer {
  return { outcome: "fail", version, valueId: null, refusal };
}
