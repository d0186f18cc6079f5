/** The table, for people and for scripts. */
import { formatCount } from "../../base/units.ts";
import type { Outcome } from "./outcome.ts";

/** One line of JSON: the members that scripts rely on, and how sure they are. */
export function jsonLine({ row, ours, reference, ratio, spread, rounds, met, note }: Outcome): string {
  const { name, unit, target, lowerIsBetter } = row;
  return JSON.stringify({ name, ours, reference, ratio, target, lowerIsBetter, unit, rounds, spread, met, note });
}

const TITLES = ["what", "unit", "ours", "reference", "ratio", "of single rounds", "target", ""] as const;

/** Lines without line ends. */
export function tableOf(outcomes: readonly Outcome[]): readonly string[] {
  const cells: readonly (readonly string[])[] = [TITLES, ...outcomes.map(cellsOf)];
  const widths = TITLES.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const pad = (text: string, column: number) =>
    column < 2 ? text.padEnd(widths[column] ?? 0) : column === TITLES.length - 1 ? text : text.padStart(widths[column] ?? 0);
  return cells.map((line) => line.map(pad).join("  ").trimEnd());
}

function cellsOf({ row, ours, reference, ratio, spread, met, note }: Outcome): readonly string[] {
  const bound = row.target === null ? "" : `${row.lowerIsBetter ? "<=" : ">="} ${row.target}`;
  const verdict = note ?? (met === null ? "" : met ? "met" : "MISSED");
  const between = spread === null ? "" : `${figure(spread[0])} - ${figure(spread[1])}`;
  return [row.name, row.unit, figure(ours), figure(reference), figure(ratio), between, bound, verdict];
}

/** Three digits that count. */
function figure(value: number | null): string {
  if (value === null) return "";
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}
