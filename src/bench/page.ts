/** The result as one HTML page that needs nothing else: no script, no network, plots drawn in it, light and dark. */
import { formatCount, formatSize } from "../base/units.ts";
import { judgementLines } from "../check/words.ts";
import { type Chart, COLOURS, chartHtml, escapeHtml, type Line } from "./chart.ts";
import { conditionLines, rowConditions } from "./conditions.ts";
import type { Kind } from "./mix.ts";
import { STYLE } from "./page-style.ts";
import { type BenchResult, kindsOf } from "./result.ts";
import type { SeriesRow } from "./series.ts";

const KIND_COLOURS: Readonly<Record<Kind, number>> = { get: 0, put: 1, ls: 2 };
const TOTAL_COLOUR = 7;

export function pageOf(result: BenchResult): string {
  const title = `qdfs bench: ${result.mix}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="conditions">${conditionLines(result).map(escapeHtml).join("<br>")}</p>
<pre>${escapeHtml(result.command)}</pre>
</header>
${verdictHtml(result)}
<section class="tiles">${kindsOf(result)
    .map((kind) => tile(kind, result))
    .join("")}</section>
<section class="charts">
${charts(result).map(chartHtml).join("\n")}
</section>
<section>
<h2>Figures</h2>
${figuresTable(result)}
<h2>Nodes</h2>
${nodesTable(result)}
${errorsHtml(result)}
<details><summary>The run second by second</summary>${seriesTable(result)}</details>
</section>
</body>
</html>
`;
}

function charts(result: BenchResult): readonly Chart[] {
  const { series } = result;
  const kinds = kindsOf(result);
  const seconds = { label: "seconds since measuring began", scale: "linear" } as const;
  const perKind = (name: string, value: (row: SeriesRow, kind: Kind) => number | undefined, dashed: boolean): Line[] =>
    kinds.map((kind) => ({
      name: `${kind}${name}`,
      colour: KIND_COLOURS[kind],
      dashed,
      points: timed(series, (row) => value(row, kind)),
    }));
  const all = { name: "all", colour: TOTAL_COLOUR, dashed: true, points: timed(series, ({ perSec }) => perSec) };
  const errors = { name: "errors", colour: 3, points: timed(series, (row) => row.errors / (row.durationSec || 1)) };
  return [
    {
      title: "Throughput over time",
      x: seconds,
      y: { label: "operations per second", scale: "linear" },
      lines: [
        ...perKind("", (row, kind) => row.operations[kind]?.perSec ?? 0, false),
        ...(kinds.length > 1 ? [all] : []),
        ...(series.some((row) => row.errors > 0) ? [errors] : []),
      ],
    },
    {
      title: "Latency over time",
      x: seconds,
      y: { label: "ms", scale: "log" },
      lines: [
        ...perKind(" p50", (row, kind) => latencyOf(row, kind)?.p50Ms, false),
        ...perKind(" p99", (row, kind) => latencyOf(row, kind)?.p99Ms, true),
      ],
    },
    {
      title: "Latency percentiles",
      x: { label: "of operations took at most", scale: "percentile" },
      y: { label: "ms", scale: "log" },
      lines: kinds.map((kind) => ({
        name: kind,
        colour: KIND_COLOURS[kind],
        points: result.operations[kind].percentiles.map(({ percentile, ms }) => [percentile, ms] as const),
      })),
    },
    {
      title: "Operations per node over time (puts coordinated and gets served)",
      x: seconds,
      y: { label: "operations per second", scale: "linear" },
      lines: Object.keys(result.perNode).map((node, index) => ({
        name: node,
        colour: index % COLOURS,
        dashed: index >= COLOURS,
        points: timed(series, ({ perNode, durationSec }) => {
          const { puts = 0, gets = 0 } = perNode[node] ?? {};
          return (puts + gets) / (durationSec || 1);
        }),
      })),
    },
  ];
}

/** Undefined where nothing was done: then there is no latency either. */
function latencyOf(row: SeriesRow, kind: Kind) {
  const counted = row.operations[kind];
  return counted === undefined || counted.count === 0 ? undefined : counted;
}

/** At the end of each interval, which is when its value is known. */
function timed(series: readonly SeriesRow[], value: (row: SeriesRow) => number | undefined): (readonly [number, number])[] {
  return series.flatMap((row) => {
    const at = value(row);
    return at === undefined ? [] : [[Math.round((row.fromSec + row.durationSec) * 1000) / 1000, at] as const];
  });
}

function tile(kind: Kind, result: BenchResult): string {
  const { perSec, p50Ms, p99Ms, maxMs, bytesPerSec } = result.operations[kind];
  const bytes = kind === "ls" ? "" : `, ${formatSize(bytesPerSec)}/s`;
  return `<div class="tile c${KIND_COLOURS[kind]}"><h3>${kind}</h3><strong>${formatCount(Math.round(perSec))}<small>/s${bytes}</small></strong><p>p50 ${ms(p50Ms)} · p99 ${ms(p99Ms)} · max ${ms(maxMs)} ms</p><p class="conditions">${escapeHtml(rowConditions(result, kind))}</p></div>`;
}

function figuresTable(result: BenchResult): string {
  const titles = ["", "ops", "ops/s", "bytes/s", "mean ms", "p50", "p90", "p95", "p99", "p99.9", "max", "errors", "conditions"];
  const rows = kindsOf(result).map((kind) => {
    const { count, perSec, bytesPerSec, meanMs, p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs, errors } = result.operations[kind];
    return [
      kind,
      formatCount(count),
      formatCount(Math.round(perSec)),
      kind === "ls" ? "-" : formatSize(bytesPerSec),
      ...[meanMs, p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs].map(ms),
      formatCount(errors),
      rowConditions(result, kind),
    ];
  });
  return table(titles, rows);
}

function nodesTable(result: BenchResult): string {
  const found = result.found?.perNode;
  const titles = ["node", "puts coordinated", "per second", "gets served", "per second", ...(found ? ["files held"] : [])];
  const perSec = (count: number) => formatCount(Math.round(count / (result.durationSec || 1)));
  const rows = Object.entries(result.perNode).map(([node, { puts, gets }]) => [
    node,
    formatCount(puts),
    perSec(puts),
    formatCount(gets),
    perSec(gets),
    ...(found ? [formatCount(found[node] ?? 0)] : []),
  ]);
  return table(titles, rows);
}

function seriesTable({ series }: BenchResult): string {
  const titles = ["from s", "for s", "ops/s", "errors", "kind", "ops/s", "p50 ms", "p99 ms", "max ms"];
  const rows = series.flatMap(({ fromSec, durationSec, perSec, errors, operations }) =>
    Object.entries(operations).map(([kind, figures], index) => [
      ...(index === 0
        ? [String(fromSec), durationSec.toFixed(2), formatCount(Math.round(perSec)), formatCount(errors)]
        : ["", "", "", ""]),
      kind,
      formatCount(Math.round(figures.perSec)),
      ...[figures.p50Ms, figures.p99Ms, figures.maxMs].map(ms),
    ]),
  );
  return table(titles, rows);
}

function errorsHtml(result: BenchResult): string {
  const rows = kindsOf(result).flatMap((kind) =>
    Object.entries(result.operations[kind].errorCodes).map(([code, count]) => [kind, code, formatCount(count)]),
  );
  return rows.length === 0 ? "" : `<h2>Errors</h2>${table(["kind", "code", "operations"], rows)}`;
}

function verdictHtml({ check, stability }: BenchResult): string {
  const lines: { readonly text: string; readonly good: boolean }[] = [];
  if (check !== undefined)
    lines.push(
      ...judgementLines(check).map((text, index) => ({
        text: index === 0 ? `check: ${text}` : text,
        good: check.verdict === "ok",
      })),
    );
  if (stability !== undefined) {
    const spread =
      stability.perSec === null
        ? ""
        : ` (${formatCount(Math.round(stability.perSec))} ops/s ± ${stability.spreadPercent ?? "?"} %)`;
    lines.push({
      text: `${stability.reached ? "Stable" : "Not stable when its time was over"}${spread}`,
      good: stability.reached,
    });
  }
  return lines.map(({ text, good }) => `<p class="verdict ${good ? "good" : "bad"}">${escapeHtml(text)}</p>`).join("");
}

/** A figure, with its unit or without. */
const FIGURE = /^(-|[\d,.]+( [KMGT]?i?B)?)$/;

/** Figures to the right, words to the left. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const [first = []] = rows;
  const cell = (tag: string, text: string, column: number) =>
    `<${tag}${FIGURE.test(first[column] ?? "") ? ' class="number"' : ""}>${escapeHtml(text)}</${tag}>`;
  const head = titles.map((title, column) => cell("th", title, column));
  const body = rows.map((row) => `<tr>${row.map((text, column) => cell("td", text, column)).join("")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${head.join("")}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
