/** The table, for people and for scripts. */
import { columnsOf, tableLines } from "../../base/table.ts";
import { formatCount } from "../../base/units.ts";
import type { Outcome } from "./outcome.ts";

/** One line of JSON: the members that scripts rely on, and how sure they are. */
export function jsonLine({ row, ours, reference, ratio, spread, rounds, met, note }: Outcome): string {
  const { name, unit, target, lowerIsBetter } = row;
  return JSON.stringify({ name, ours, reference, ratio, target, lowerIsBetter, unit, rounds, spread, met, note });
}

const TITLES = ["what", "unit", "ours", "reference", "ratio", "of single rounds", "target", ""];
/** All other columns are figures. */
const TEXT_COLUMNS = ["what", "unit", ""];

/** Lines without line ends. */
export function tableOf(outcomes: readonly Outcome[]): readonly string[] {
  return tableLines(
    outcomes.map(cellsOf),
    columnsOf(TITLES, (title) => TEXT_COLUMNS.includes(title)),
  );
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
