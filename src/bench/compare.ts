/** Two results side by side: a ratio per figure, and by name what else was different. Several results on one side: their medians. */
import { medianOf } from "../base/median.ts";
import { columnsOf, tableLines } from "../base/table.ts";
import { formatCount } from "../base/units.ts";
import type { ResultFigures } from "./result-file.ts";

export interface ComparedFigure {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  /** b / a; null: a is 0. */
  readonly ratio: number | null;
  readonly lowerIsBetter: boolean;
}

/** A condition under which the results were not the same: the ratio tells of it as well. */
export interface ComparedCondition {
  readonly condition: string;
  /** All values that it had on that side, the most frequent first. */
  readonly a: string;
  readonly b: string;
}

export interface Comparison {
  readonly runsA: number;
  readonly runsB: number;
  readonly conditions: readonly ComparedCondition[];
  readonly figures: readonly ComparedFigure[];
  /** Figures that only one side has. */
  readonly missing: readonly string[];
}

/** Each side has at least one result. */
export function compare(a: readonly ResultFigures[], b: readonly ResultFigures[]): Comparison {
  const figures: ComparedFigure[] = [];
  const missing: string[] = [];
  for (const { name, lowerIsBetter } of namesOf([...a, ...b])) {
    const [left, right] = [valuesOf(a, name), valuesOf(b, name)];
    if (left.length === 0 || right.length === 0) {
      missing.push(name);
      continue;
    }
    const [medianA, medianB] = [medianOf(left), medianOf(right)];
    const ratio = medianA === 0 ? (medianB === 0 ? 1 : null) : Math.round((medianB / medianA) * 1000) / 1000;
    figures.push({ name, a: medianA, b: medianB, ratio, lowerIsBetter });
  }
  return { runsA: a.length, runsB: b.length, conditions: differing(a, b), figures, missing };
}

/** Lines without line ends. */
export function comparisonLines(
  { runsA, runsB, conditions, figures, missing }: Comparison,
  a: string,
  b: string,
): readonly string[] {
  const side = (letter: string, file: string, runs: number) =>
    `${letter} = ${file}${runs === 1 ? "" : ` (median of ${runs} runs)`}`;
  const columns = columnsOf(["", "A", "B", "B / A", ""], (title) => title === "");
  return [
    side("A", a, runsA),
    side("B", b, runsB),
    "",
    ...(conditions.length === 0 ? ["the conditions are the same"] : ["the conditions differ, and the ratios tell of that too:"]),
    ...conditions.map(({ condition, a: left, b: right }) => `  ${condition}: A ${left}; B ${right}`),
    "",
    ...tableLines(figures.map(rowOf), columns),
    ...(missing.length === 0 ? [] : ["", `on one side only: ${missing.join(", ")}`]),
  ];
}

/** Closer than this the figures of two runs are called the same. */
const SAME_WITHIN = 0.03;

function rowOf({ name, a, b, ratio, lowerIsBetter }: ComparedFigure): readonly string[] {
  return [name, figureText(a), figureText(b), ratio === null ? "-" : ratio.toFixed(2), judged(ratio, lowerIsBetter)];
}

function judged(ratio: number | null, lowerIsBetter: boolean): string {
  if (ratio !== null && Math.abs(ratio - 1) <= SAME_WITHIN) return "";
  const lower = ratio !== null && ratio < 1;
  return lower === lowerIsBetter ? "better" : "worse";
}

function figureText(value: number): string {
  return value >= 1000 ? formatCount(Math.round(value)) : String(Math.round(value * 1000) / 1000);
}

function namesOf(results: readonly ResultFigures[]): Iterable<{ readonly name: string; readonly lowerIsBetter: boolean }> {
  const names = new Map<string, { readonly name: string; readonly lowerIsBetter: boolean }>();
  for (const { figures } of results) {
    for (const { name, lowerIsBetter } of figures) if (!names.has(name)) names.set(name, { name, lowerIsBetter });
  }
  return names.values();
}

function valuesOf(results: readonly ResultFigures[], name: string): readonly number[] {
  return results.flatMap(({ figures }) => figures.filter((figure) => figure.name === name).map(({ value }) => value));
}

function differing(a: readonly ResultFigures[], b: readonly ResultFigures[]): readonly ComparedCondition[] {
  const names = new Set([...a, ...b].flatMap(({ conditions }) => [...conditions.keys()]));
  return [...names].flatMap((condition) => {
    const [left, right] = [saidOf(a, condition), saidOf(b, condition)];
    return left === right && !left.includes(" | ") ? [] : [{ condition, a: left, b: right }];
  });
}

function saidOf(results: readonly ResultFigures[], condition: string): string {
  const counts = new Map<string, number>();
  for (const { conditions } of results) {
    const said = conditions.get(condition) ?? "not said";
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([said]) => said)
    .join(" | ");
}
