/** What a check found: which promise is broken, and how that shows. */
export interface Violation {
  /** `I3`, `linearizability`, `listing`, `liveness`, `bug` … */
  readonly of: string;
  readonly what: string;
}

/** Collects what was found; the first of a kind says most, so few of each are kept. */
export class Violations {
  readonly #all: Violation[] = [];
  readonly #counts = new Map<string, number>();
  readonly #onFound: (violation: Violation) => void;

  constructor(onFound: (violation: Violation) => void = () => {}) {
    this.#onFound = onFound;
  }

  get all(): readonly Violation[] {
    return this.#all;
  }

  found(of: string, what: string): void {
    const count = (this.#counts.get(of) ?? 0) + 1;
    this.#counts.set(of, count);
    if (count > PER_KIND_MAX) return;
    const violation = { of, what };
    this.#all.push(violation);
    this.#onFound(violation);
  }

  check(holds: boolean, of: string, what: () => string): void {
    if (!holds) this.found(of, what());
  }
}

const PER_KIND_MAX = 3;
