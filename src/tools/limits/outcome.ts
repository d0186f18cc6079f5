/** From the samples of a row to its line. */
import { medianOf } from "../../base/median.ts";
import type { Row, Sample } from "./experiment.ts";

export interface Outcome {
  readonly row: Row;
  readonly ours: number | null;
  readonly reference: number | null;
  /**
   * The median of the rounds' own ratios, whose two runs were neighbours: what drifts, as a disk does, hits both alike. Null without
   * a reference.
   */
  readonly ratio: number | null;
  /** Of single rounds, least and most. */
  readonly spread: readonly [number, number] | null;
  readonly rounds: number;
  /** Null: there is no target, or no ratio. */
  readonly met: boolean | null;
  /** Why there are no figures. */
  readonly note?: string;
}

export function outcomeOf(row: Row, samples: readonly Sample[]): Outcome {
  const references = samples.flatMap(({ reference }) => (reference === null ? [] : [reference]));
  const ours = summaryOf(
    row,
    samples.map((sample) => sample.ours),
  );
  const reference = references.length === 0 ? null : medianOf(references);
  const ratios = samples.flatMap((sample) => (sample.reference === null ? [] : [sample.ours / sample.reference]));
  const ratio = ratios.length === 0 ? null : summaryOf(row, ratios);
  const spread = ratios.length === 0 ? null : ([Math.min(...ratios), Math.max(...ratios)] as const);
  return { row, ours, reference, ratio, spread, rounds: samples.length, met: isMet(row, ratio) };
}

export function notMeasured(row: Row, note: string): Outcome {
  return { row, ours: null, reference: null, ratio: null, spread: null, rounds: 0, met: null, note };
}

function summaryOf({ summary, lowerIsBetter }: Row, values: readonly number[]): number {
  if (summary === undefined) return medianOf(values);
  return lowerIsBetter ? Math.max(...values) : Math.min(...values);
}

function isMet({ target, lowerIsBetter }: Row, ratio: number | null): boolean | null {
  if (target === null || ratio === null) return null;
  return lowerIsBetter ? ratio <= target : ratio >= target;
}
