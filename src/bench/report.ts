/** The result as a table that can be quoted: figures never stand without the conditions they were taken under. */
import { formatCount, formatSize } from "../base/units.ts";
import { judgementLines } from "../check/words.ts";
import { KINDS, type Kind } from "./mix.ts";
import { type BenchResult, errorsOf } from "./run.ts";
import type { KindResult } from "./tally.ts";

type Row = readonly string[];

/** Lines without line ends. */
export function reportOf(result: BenchResult): readonly string[] {
  const ran = KINDS.filter((kind) => result.operations[kind].count + result.operations[kind].errors > 0);
  const rows: Row[] = [["", "ops", "ops/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"]];
  for (const kind of ran) rows.push(rowOf(kind, result.operations[kind]));
  const nodes: Row[] = [["node", "puts coordinated", "gets served", ...(result.found ? ["files held"] : [])]];
  for (const [node, { puts, gets }] of Object.entries(result.perNode)) {
    nodes.push([
      node,
      formatCount(puts),
      formatCount(gets),
      ...(result.found ? [formatCount(result.found.perNode[node] ?? 0)] : []),
    ]);
  }
  return [
    ...conditions(result),
    "",
    ...table(rows),
    "",
    ...table(nodes),
    ...foundLines(result),
    ...errorLines(result),
    ...checkLines(result),
  ];
}

function conditions(result: BenchResult): readonly string[] {
  const { quorum, clients, inFlight, ratePerSec } = result;
  const load = ratePerSec === null ? "closed loop" : `open loop at ${ratePerSec} ops/s, latency from the intended start`;
  return [
    `${result.mix}: ${clients} client${clients === 1 ? "" : "s"} × ${inFlight} in flight, ${load}, ${result.durationSec.toFixed(1)} s`,
    `N=${quorum.n} W=${quorum.w} R=${quorum.r} (${quorum.name}), fsync before every acknowledgement, ${formatSize(result.sizeBytes)} × ${formatCount(result.files)} files in ${result.directory}`,
  ];
}

function rowOf(kind: Kind, { count, perSec, p50Ms, p95Ms, p99Ms, maxMs, errors }: KindResult): Row {
  return [
    kind,
    formatCount(count),
    formatCount(Math.round(perSec)),
    ...[p50Ms, p95Ms, p99Ms, maxMs].map(ms),
    formatCount(errors),
  ];
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

/** First column to the left, figures to the right. */
function table(rows: readonly Row[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  "),
  );
}

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
