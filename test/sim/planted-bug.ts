/** A classic mistake, as a small change of the text of a production source. */

export interface Edit {
  /** From the repository's root. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface PlantedBug {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly wrong: string;
  readonly edits: readonly Edit[];
  /** The recipe that meets it, and a seed near which it does. */
  readonly recipe: string;
  readonly seed: number;
}

/** Next to no room for promises: evictions happen all the time. Harmless, and so no bug by itself. */
export const FEW_PROMISES: Edit = { file: "src/limits.ts", find: "PROMISES_MAX = 64 * KIB", replace: "PROMISES_MAX = 1" };
/** A window of three operations: stamps are forgotten all the time. */
export const SHORT_WINDOW: Edit = { file: "src/limits.ts", find: "WINDOW_OPERATIONS = 32", replace: "WINDOW_OPERATIONS = 3" };
/** No next promises (P7): for seeds that were found before there were any, and whose messages come in another order with them. Harmless, too. */
export const NO_NEXT_PROMISES: Edit = {
  file: "src/datanode/coordinator.ts",
  find: "const next = this.#queues.hasNext(attempt.path) ? this.#counter.next() : undefined;",
  replace: "const next: number | undefined = undefined;",
};
