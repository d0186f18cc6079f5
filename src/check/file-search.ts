/**
 * Whether the operations of one file can be put into an order that respects real time (an operation that returned before
 * another was called comes first) and explains every answer: linearizability (Herlihy and Wing 1990), by the search of Wing and
 * Gong (1993) with the memory of Lowe (2017): a set of placed operations with a state of the file that was tried once is not
 * tried again.
 *
 * What makes it cheap here:
 * - An observation that fits is placed at once and never taken back for another try: whatever follows, it would be in order
 *   here as well, since it changes nothing and nobody unplaced had returned before it.
 * - Versions are dense. So whoever says it made version v + 1 is the only change that can follow version v, and nothing can
 *   while an answer from version v is owed (`claims.ts`). With no unknown outcomes nothing at all is left to try.
 * - Open changes that differ in nothing are tried as one (`open-changes.ts`).
 */
import { Claims } from "./claims.ts";
import type { RecordedOperation } from "./history.ts";
import { agrees, answers, changed, type FileState, NEVER_WRITTEN, roleOf, versionOf } from "./model.ts";
import { OpenChanges } from "./open-changes.ts";
import { Unplaced } from "./unplaced.ts";

export interface SearchOptions {
  readonly keptVersions: number;
  readonly tombstonesErased: boolean;
  /** Steps beyond one for each operation; then the search gives up. */
  readonly stepsMax: number;
  /** Characters of remembered keys; past that the search goes on without remembering more. */
  readonly memoryMax: number;
}

export interface SearchResult {
  readonly found: "order" | "no order" | "gave up";
  /** Beyond one for each operation. */
  readonly steps: number;
}

export function searchOrder(operations: readonly RecordedOperation[], options: SearchOptions): SearchResult {
  return new FileSearch(operations, options).run();
}

/** What may come next, and the file after it. `required` or `group` says what is placed; with neither a tombstone was erased. */
interface Choice {
  readonly state: FileState;
  readonly required?: number;
  readonly group?: number;
}

interface Fork {
  readonly choices: readonly Choice[];
  /** Length of the trail before any of them. */
  readonly mark: number;
  tried: number;
}

/** With alternatives left, every such change is remembered even where there is only one way on. */
const REMEMBER_EVERY = 8;

class FileSearch {
  readonly #options: SearchOptions;
  readonly #unplaced: Unplaced;
  readonly #open: OpenChanges;
  /** Undefined: versions may begin anew. */
  readonly #claims: Claims | undefined;
  /** Versions that are asked for by number: their contents are part of what the future depends on. */
  readonly #askedFor: readonly number[];
  readonly #trail: Choice[] = [];
  readonly #forks: Fork[] = [];
  readonly #tried = new Set<string>();
  /** Steps that are not counted: each operation has to be placed once. */
  readonly #free: number;
  #memory = 0;
  #steps = 0;

  constructor(operations: readonly RecordedOperation[], options: SearchOptions) {
    this.#options = options;
    const roles = operations.map(roleOf);
    const open = operations.filter((_, index) => roles[index] === "open");
    this.#unplaced = new Unplaced(operations.filter((_, index) => roles[index] === "change" || roles[index] === "observation"));
    const required = this.#unplaced.operations;
    const restarts = options.tombstonesErased && operations.some(({ kind }) => kind === "rm");
    this.#claims = restarts ? undefined : new Claims(required, open);
    this.#open = new OpenChanges(open, valuesRead(operations), this.#claims);
    this.#free = operations.length;
    this.#askedFor = [...new Set(operations.flatMap(({ of }) => (of === undefined ? [] : [of])))].sort((a, b) => a - b);
  }

  run(): SearchResult {
    const result = (found: SearchResult["found"]) => ({ found, steps: Math.max(0, this.#steps - this.#free) });
    if (this.#claims?.contradictory) return result("no order");
    let state = NEVER_WRITTEN;
    for (;;) {
      this.#placeObservations(state);
      if (this.#unplaced.count === 0) return result("order");
      if (this.#steps > this.#free + this.#options.stepsMax) return result("gave up");
      const choices = this.#choices(state);
      const mark = this.#trail.length;
      if (choices.length > 0 && !this.#seen(state, choices)) this.#forks.push({ choices, mark, tried: 0 });
      const next = this.#nextChoice();
      if (next === undefined) return result("no order");
      this.#follow(next);
      state = next.state;
    }
  }

  #placeObservations(state: FileState): void {
    const { operations } = this.#unplaced;
    for (let index = this.#unplaced.first(); index !== undefined; index = this.#unplaced.after(index)) {
      const operation = operations[index];
      if (operation === undefined || roleOf(operation) !== "observation") continue;
      if (agrees(state, operation, this.#options.keptVersions)) this.#follow({ state, required: index });
    }
  }

  #choices(state: FileState): readonly Choice[] {
    const version = state.version + 1;
    if (this.#claims !== undefined) {
      if (this.#claims.owedAt(state.version) > 0) return [];
      const maker = this.#claims.makerOf(version);
      if (maker !== undefined) return this.#unplaced.mayBePlaced(maker) ? this.#done(state, maker) : [];
    }
    const choices: Choice[] = [];
    for (let index = this.#unplaced.first(); index !== undefined; index = this.#unplaced.after(index)) {
      choices.push(...this.#done(state, index));
    }
    const horizonNs = this.#unplaced.horizonNs();
    for (const group of this.#open.groupsFor(version)) {
      const operation = this.#open.candidate(group, horizonNs);
      if (operation === undefined || this.#claims?.allows(version, operation) === false) continue;
      const after = changed(state, operation);
      if (after !== undefined) choices.push({ state: after, group });
    }
    if (this.#claims === undefined && !state.live && state.version > 0) choices.push({ state: NEVER_WRITTEN });
    return choices;
  }

  /** The change with that index done to `state`, if it can have been and answered as it did. */
  #done(state: FileState, index: number): readonly Choice[] {
    const operation = this.#unplaced.operations[index];
    if (operation === undefined || roleOf(operation) !== "change") return [];
    const after = changed(state, operation);
    return after !== undefined && answers(after, operation) ? [{ state: after, required: index }] : [];
  }

  /** The next untried way, after going back to where it leads off. */
  #nextChoice(): Choice | undefined {
    const fork = this.#forks.at(-1);
    if (fork === undefined) return undefined;
    this.#goBack(fork.mark);
    const choice = fork.choices[fork.tried++];
    if (fork.tried === fork.choices.length) this.#forks.pop();
    return choice;
  }

  #follow(choice: Choice): void {
    this.#steps++;
    this.#trail.push(choice);
    if (choice.group !== undefined) this.#open.take(choice.group);
    if (choice.required === undefined) return;
    this.#unplaced.place(choice.required);
    const operation = this.#unplaced.operations[choice.required];
    if (operation !== undefined) this.#claims?.placed(operation);
  }

  #goBack(mark: number): void {
    while (this.#trail.length > mark) {
      const choice = this.#trail.pop();
      if (choice?.group !== undefined) this.#open.putBack(choice.group);
      if (choice?.required === undefined) continue;
      this.#unplaced.unplace(choice.required);
      const operation = this.#unplaced.operations[choice.required];
      if (operation !== undefined) this.#claims?.unplaced(operation);
    }
  }

  /** True if this was tried before, without success. Remembers it, where it may come again. */
  #seen(state: FileState, choices: readonly Choice[]): boolean {
    const mayComeAgain = choices.length > 1 || (this.#forks.length > 0 && state.version % REMEMBER_EVERY === 0);
    if (!mayComeAgain) return false;
    const key = `${this.#unplaced.key()}|${this.#open.key()}|${this.#stateKey(state)}`;
    if (this.#tried.has(key)) return true;
    if (this.#memory + key.length <= this.#options.memoryMax) {
      this.#memory += key.length;
      this.#tried.add(key);
    }
    return false;
  }

  #stateKey(state: FileState): string {
    const past = this.#askedFor.map((version) => {
      const then = versionOf(state, version);
      return then === undefined ? "" : `${then.live} ${then.valueId}`;
    });
    return JSON.stringify([state.version, state.live, state.valueId, ...past]);
  }
}

function valuesRead(operations: readonly RecordedOperation[]): ReadonlySet<string> {
  const values = new Set<string>();
  for (const { kind, valueId } of operations) if (kind !== "put" && valueId !== null) values.add(valueId);
  return values;
}
