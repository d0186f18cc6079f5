import { describe, expect, test } from "bun:test";
import { HistogramLogReader } from "hdr-histogram-js";
import { QdfsError } from "../../src/base/errors.ts";
import { chartHtml } from "../../src/bench/chart.ts";
import { HistogramLog } from "../../src/bench/histogram-log.ts";
import { pageOf } from "../../src/bench/page.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import { runBench } from "../../src/bench/run.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { FakeTarget, ORIGIN } from "./fakes.ts";

async function resultOf(flags: PlanFlags, command = ORIGIN.command): Promise<{ result: BenchResult; log: string }> {
  const world = new FakeRuntime();
  const target = new FakeTarget(world.timers);
  target.delayMs = () => 1 + 10 * world.random.unit();
  target.fault = (kind) => (kind === "get" && world.random.unit() < 0.01 ? new QdfsError("NODE_SILENT", "planted") : undefined);
  let log = "";
  const histograms = new HistogramLog((text) => {
    log += text;
  });
  const ports = {
    origin: { ...ORIGIN, command },
    started: (wallMs: number) => histograms.begin(wallMs, ["a comment"]),
    interval: histograms.interval.bind(histograms),
  };
  return { result: await world.until(runBench(target, planOf({ duration: "5s", files: "50", ...flags }), world, ports)), log };
}

describe("the page", () => {
  test("needs nothing but itself: no script, no link, nothing that is fetched", async () => {
    const page = pageOf((await resultOf({})).result);
    expect(page).not.toMatch(/https?:|\/\/\w|<script|<link|<img|<iframe|<object|<use|@import|url\(|src=|href=/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).toContain("prefers-color-scheme: dark");
  });

  test("has its tags in order", async () => {
    for (const flags of [{}, { mix: "state-query" }, { only: "put", duration: "100ms" }, { check: true, untilStable: true }]) {
      const page = pageOf((await resultOf(flags)).result);
      const open: string[] = [];
      for (const [, closing, name = "", rest = ""] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/g)) {
        if (closing === "/") expect(open.pop()).toBe(name);
        else if (!["meta", "br"].includes(name) && !rest.endsWith("/")) open.push(name);
      }
      expect(open).toEqual([]);
      expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
    }
  });

  test("shows the course, the percentiles and the nodes, with the conditions and the command", async () => {
    const { result } = await resultOf({ check: true, warmUp: "1s" });
    const page = pageOf(result);
    for (const part of ["Throughput over time", "Latency over time", "Latency percentiles", "per node over time", "dn-3"]) {
      expect(page).toContain(part);
    }
    for (const part of [
      "N=3 W=2 R=2",
      "fsync",
      "4.0 KiB",
      "8 in flight",
      "2 cores",
      "NODE_SILENT",
      "check: ok",
      "after 1 s of warm-up",
    ]) {
      expect(page).toContain(part);
    }
    expect(page.match(/<svg /g)?.length).toBe(4);
    expect(page).toContain(result.command);
  });

  test("takes words for words", async () => {
    const page = pageOf((await resultOf({}, `qdfs bench --html '<script>alert("&")</script>'`)).result);
    expect(page).not.toContain("<script");
    expect(page).toContain("&#60;script&#62;");
  });
});

describe("a chart", () => {
  const seconds = { label: "s", scale: "linear" } as const;

  test("places its points between its axes, larger values higher", () => {
    const html = chartHtml({
      title: "t",
      x: seconds,
      y: { label: "ms", scale: "log" },
      lines: [
        {
          name: "a",
          colour: 0,
          points: [
            [0, 0.02],
            [5, 1],
            [10, 900],
          ],
        },
      ],
    });
    const path = /d="([^"]+)"/.exec(html)?.[1] ?? "";
    const points = [...path.matchAll(/[ML]([\d.]+),([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    expect(points.length).toBe(3);
    for (const [x, y] of points) expect(x >= 64 && x <= 692 && y >= 12 && y <= 256).toBe(true);
    expect(points.map(([x]) => x)).toEqual(points.map(([x]) => x).toSorted((a, b) => a - b));
    expect(points.map(([, y]) => y)).toEqual(points.map(([, y]) => y).toSorted((a, b) => b - a));
  });

  test("without points says so", () => {
    const html = chartHtml({ title: "t", x: seconds, y: seconds, lines: [{ name: "a", colour: 0, points: [] }] });
    expect(html).toContain("Nothing was measured");
    expect(html).not.toContain("<svg");
  });

  test.each([[[0, 0]], [[0, 1e9]], [[3600, 1e-6]]] as const)("takes the single point %p", (point) => {
    for (const scale of ["linear", "log"] as const) {
      const html = chartHtml({
        title: "t",
        x: seconds,
        y: { label: "y", scale },
        lines: [{ name: "a", colour: 0, points: [point] }],
      });
      expect(html).not.toMatch(/NaN|Infinity/);
    }
  });
});

describe("the histogram log", () => {
  test("is read by HdrHistogram's reader, and adds up to the result", async () => {
    const { result, log } = await resultOf({ warmUp: "1s" });
    const lines = log.split("\n");
    expect(log).toContain("#[Histogram log format version 1.3]\n");
    expect(lines.filter((line) => line.startsWith("Tag=put,")).length).toBe(5);
    const reader = new HistogramLogReader(log);
    const counts: Record<string, number> = {};
    let maxUs = 0;
    for (;;) {
      const histogram = reader.nextIntervalHistogram();
      if (histogram === null) break;
      counts[histogram.tag] = (counts[histogram.tag] ?? 0) + histogram.totalCount;
      if (histogram.tag === "put") maxUs = Math.max(maxUs, histogram.maxValue);
    }
    expect(counts).toEqual({ put: result.operations.put.count, get: result.operations.get.count });
    expect(maxUs / 1000).toBeCloseTo(result.operations.put.maxMs, 1);
  });
});
