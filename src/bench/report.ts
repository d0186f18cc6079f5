/** The result as tables that can be quoted: every row of figures has its conditions beside it. */
import { columnsOf, tableLines } from "../base/table.ts";
import { formatCount, formatSize } from "../base/units.ts";
import { judgementLines } from "../check/words.ts";
import { conditionLines, rowConditions } from "./conditions.ts";
import { KINDS, type Kind } from "./mix.ts";
import { type BenchResult, errorsOf, kindsOf } from "./result.ts";
import type { SeriesRow } from "./series.ts";
import type { KindResult } from "./tally.ts";

type Row = readonly string[];

const TITLES = ["", "ops", "ops/s", "bytes/s", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms", "errors", "conditions"];

/** Lines without line ends. */
export function reportOf(result: BenchResult): readonly string[] {
  const rows = kindsOf(result).map((kind) => rowOf(kind, result.operations[kind], rowConditions(result, kind)));
  const nodeTitles = ["node", "puts coordinated", "gets served", ...(result.found ? ["files held"] : [])];
  const nodes: Row[] = [];
  for (const [node, { puts, gets }] of Object.entries(result.perNode)) {
    nodes.push([
      node,
      formatCount(puts),
      formatCount(gets),
      ...(result.found ? [formatCount(result.found.perNode[node] ?? 0)] : []),
    ]);
  }
  return [
    ...conditionLines(result),
    "",
    ...tableOf(TITLES, rows),
    "",
    ...tableOf(nodeTitles, nodes),
    ...stabilityLines(result),
    ...foundLines(result),
    ...errorLines(result),
    ...checkLines(result),
  ];
}

/** A row of the series as a line. */
export function seriesLine(row: SeriesRow): string {
  const kinds = Object.entries(row.operations).map(
    ([kind, { perSec, p50Ms, p99Ms }]) => `${kind} ${formatCount(Math.round(perSec))}/s p50 ${ms(p50Ms)} p99 ${ms(p99Ms)} ms`,
  );
  const errors = row.errors === 0 ? [] : [`${formatCount(row.errors)} errors`];
  return `${row.fromSec.toFixed(0).padStart(4)} s  ${[...kinds, ...errors].join("; ") || "nothing ended"}`;
}

function rowOf(kind: Kind, result: KindResult, conditions: string): Row {
  const { count, perSec, bytesPerSec, p50Ms, p95Ms, p99Ms, p999Ms, maxMs, errors } = result;
  return [
    kind,
    formatCount(count),
    formatCount(Math.round(perSec)),
    kind === "ls" ? "-" : formatSize(bytesPerSec),
    ...[p50Ms, p95Ms, p99Ms, p999Ms, maxMs].map(ms),
    formatCount(errors),
    conditions,
  ];
}

function stabilityLines({ stability }: BenchResult): readonly string[] {
  if (stability === undefined) return [];
  const { reached, windows, windowSec, withinPercent, spreadPercent, perSec } = stability;
  const rule = `the last ${windows} windows of ${windowSec} s within ${withinPercent} % of their mean`;
  const seen =
    perSec === null ? "fewer windows than that" : `${formatCount(Math.round(perSec))} ops/s ± ${spreadPercent ?? "?"} %`;
  return ["", `${reached ? "stable" : "NOT stable when its time was over"} (${rule}): ${seen}`];
}

function foundLines({ found }: BenchResult): readonly string[] {
  return found === undefined ? [] : ["", `the file system holds ${formatCount(found.files)} files`];
}

function checkLines({ check }: BenchResult): readonly string[] {
  if (check === undefined) return [];
  const notKept = `${formatCount(check.notKept)} operations more than are kept in memory were not judged`;
  const [verdict = "", ...violations] = judgementLines(check);
  return ["", `check: ${verdict}`, ...(check.notKept > 0 ? [notKept] : []), ...violations];
}

function errorLines(result: BenchResult): readonly string[] {
  if (errorsOf(result) === 0) return [];
  return ["", ...KINDS.flatMap((kind) => errorsOfKind(kind, result.operations[kind]))];
}

function errorsOfKind(kind: Kind, { errorCodes }: KindResult): readonly string[] {
  return Object.entries(errorCodes).map(
    ([code, count]) =>
      `${kind}: ${formatCount(count)} × ${code}${code === "OUTCOME_UNKNOWN" ? " (may or may not have been done)" : ""}`,
  );
}

/** All other columns are figures. */
const TEXT_COLUMNS: readonly string[] = ["", "node", "conditions"];

function tableOf(titles: readonly string[], rows: readonly Row[]): readonly string[] {
  return tableLines(
    rows,
    columnsOf(titles, (title) => TEXT_COLUMNS.includes(title)),
  );
}

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
