/** What is measured: rows of the table, and the runs that give their figures. */

/** A line of the table: one figure of ours beside one of a reference, and what their ratio has to be. */
export interface Row {
  /** Unique, and without a comma: `--only` selects by it. */
  readonly name: string;
  readonly unit: string;
  /** Of ours / reference; null: told for orientation. */
  readonly target: number | null;
  /** The target is the most that the ratio may be; else the least. */
  readonly lowerIsBetter: boolean;
  /** How the figures of all rounds become one. Default: their median. */
  readonly summary?: "worst";
}

/** One round's figures for one row. */
export interface Sample {
  readonly ours: number;
  /** Null: there is nothing to compare with. */
  readonly reference: number | null;
}

/** Rows that the same runs give figures for. */
export interface Experiment {
  readonly rows: readonly Row[];
  /** Where another number of rounds than the command's fits: one for what does not vary, many for what takes milliseconds. */
  readonly rounds?: number;
  /** Why it cannot be measured as the command was called; its rows are in the table all the same. */
  readonly notNow?: string;
  /** Starts what the rounds need, and warms it up. */
  prepare?(): Promise<void>;
  /** Measures ours and the reference once each, in turn: one sample per row, in their order. */
  round(index: number): Promise<readonly Sample[]>;
  /** Ends what `prepare` started. */
  finish?(): Promise<void>;
}

/** Measures both sides one after the other, in every other round the other way about: a drift of the machine hits both alike. */
export async function inTurn<Ours, Reference>(
  index: number,
  ours: () => Promise<Ours>,
  reference: () => Promise<Reference>,
): Promise<readonly [Ours, Reference]> {
  if (index % 2 === 0) return [await ours(), await reference()];
  const measured = await reference();
  return [await ours(), measured];
}
