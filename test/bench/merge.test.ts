/** Figures of several processes and times as one: histograms, intervals, stability. */
import { describe, expect, test } from "bun:test";
import { Latencies } from "../../src/bench/latency.ts";
import { MergedIntervals } from "../../src/bench/merged-intervals.ts";
import { Meter } from "../../src/bench/meter.ts";
import { type Interval, seriesRow } from "../../src/bench/series.ts";
import { stabilityOf } from "../../src/bench/stability.ts";
import { Tally } from "../../src/bench/tally.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

const NODES = ["dn-1", "dn-2"];

function recorded(latenciesMs: readonly number[]): Latencies {
  const latencies = Latencies.empty();
  for (const ms of latenciesMs) latencies.record(ms);
  return latencies;
}

function tallyOf(puts: number, latencyMs = 1): Tally {
  const tally = new Tally(NODES);
  for (let i = 0; i < puts; i++) tally.put(latencyMs, "dn-1", 100);
  return tally;
}

function merging(sources: number) {
  const intervals: Interval[] = [];
  const merged = new MergedIntervals({
    sources,
    intervalMs: 1000,
    nodes: NODES,
    each: (interval) => void intervals.push(interval),
  });
  const rows = () => intervals.map(({ fromSec, durationSec, tally }) => [fromSec, durationSec, tally.count]);
  return { merged, intervals, rows };
}

describe("histograms", () => {
  test("merged are the histogram of all operations, to every percentile", () => {
    const random = seededRandom(7);
    const draws = Array.from({ length: 4 }, (_, part) => Array.from({ length: 500 }, () => (part + 1) ** 3 * random.unit()));
    const merged = Latencies.empty();
    for (const draw of draws) {
      const part = recorded(draw);
      // As it travels between processes.
      merged.add(Latencies.decoded(part.encoded(), part.maxUs));
    }
    const all = recorded(draws.flat());
    expect(merged.count).toBe(2000);
    expect(merged.summary()).toEqual(all.summary());
    expect(merged.curve()).toEqual(all.curve());
  });

  test("merged do not give the mean of the parts' percentiles", () => {
    const merged = recorded(new Array(990).fill(1));
    merged.add(recorded(new Array(10).fill(100)));
    expect(merged.percentileMs(50)).toBeCloseTo(1, 2);
    expect(merged.percentileMs(99.5)).toBeCloseTo(100, 0);
  });

  test("have a curve that ends with the longest operation", () => {
    const curve = recorded(Array.from({ length: 1000 }, (_, i) => i + 1)).curve();
    expect(curve.at(-1)).toEqual({ percentile: 100, ms: 1000 });
    expect(curve.find(({ percentile }) => percentile === 90)?.ms).toBeCloseTo(900, -1);
    expect(curve.map(({ ms }) => ms)).toEqual(curve.map(({ ms }) => ms).toSorted((a, b) => a - b));
    expect(Latencies.empty().curve()).toEqual([]);
  });
});

describe("a tally", () => {
  test("survives the way between processes", () => {
    const tally = tallyOf(5, 3);
    tally.get(1, "dn-2", 7);
    tally.error("put", "QUORUM_UNAVAILABLE");
    tally.error("get", "OUTCOME_UNKNOWN");
    const arrived = Tally.of(NODES, JSON.parse(JSON.stringify(tally.wire())));
    expect(arrived.operations(2)).toEqual(tally.operations(2));
    expect(arrived.perNode()).toEqual({ "dn-1": { puts: 5, gets: 0 }, "dn-2": { puts: 0, gets: 1 } });
    expect(arrived.operations(2).put).toMatchObject({ count: 5, errors: 1, bytes: 500, bytesPerSec: 250 });
  });
});

describe("a meter", () => {
  test("counts an operation in the interval in which it ended, and hands over empty ones", () => {
    const emitted: (readonly [number, number, boolean])[] = [];
    const emit = (index: number, tally: Tally, whole: boolean) => void emitted.push([index, tally.count, whole]);
    const meter = new Meter({ fromMs: 500, intervalMs: 1000, nodes: NODES, emit });
    meter.put(1499, 10, "dn-1", 1);
    meter.put(1500, 10, "dn-1", 1);
    meter.put(4600, 3000, "dn-1", 1);
    meter.close(4700);
    expect(emitted).toEqual([
      [0, 1, true],
      [1, 1, true],
      [2, 0, true],
      [3, 0, true],
      [4, 1, false],
    ]);
  });
});

describe("intervals of several processes", () => {
  test("are whole once all have reported, in order of time", () => {
    const { merged, rows } = merging(2);
    merged.take(0, tallyOf(3), true);
    merged.take(1, tallyOf(4), true);
    expect(rows()).toEqual([]);
    merged.take(0, tallyOf(5), true);
    merged.take(1, tallyOf(6), true);
    expect(rows()).toEqual([[0, 1, 8]]);
    merged.take(2, tallyOf(0), false);
    merged.take(2, tallyOf(0), false);
    merged.close(2);
    expect(rows()).toEqual([
      [0, 1, 8],
      [1, 1, 10],
    ]);
    expect(merged.total.count).toBe(18);
  });

  test("count a short rest of the run in with the last whole one, and let a long rest stand", () => {
    for (const [endSec, rows] of [
      [1.2, [[0, 1.2, 8]]],
      [
        1.75,
        [
          [0, 1, 5],
          [1, 0.75, 3],
        ],
      ],
    ] as const) {
      const run = merging(1);
      run.merged.take(0, tallyOf(5), true);
      run.merged.take(1, tallyOf(3), false);
      run.merged.close(endSec);
      expect(run.rows()).toEqual(rows.map((row) => [...row]));
    }
  });

  test("go on for the process whose last operation took longest", () => {
    const { merged, rows } = merging(2);
    for (const index of [0, 1, 2]) merged.take(index, tallyOf(index === 0 ? 2 : 0), true);
    merged.take(3, tallyOf(1), false);
    merged.take(0, tallyOf(1), false);
    merged.close(3.9);
    expect(rows()).toEqual([
      [0, 1, 3],
      [1, 1, 0],
      [2, 1, 0],
      [3, 0.8999999999999999, 1],
    ]);
  });

  test("make rows with rates and latencies per kind, and counts per node", () => {
    const tally = tallyOf(10, 2);
    tally.error("get", "NODE_SILENT");
    expect(seriesRow({ fromSec: 3, durationSec: 0.5, tally })).toEqual({
      fromSec: 3,
      durationSec: 0.5,
      perSec: 20,
      errors: 1,
      operations: {
        put: { count: 10, errors: 0, perSec: 20, p50Ms: 2, p99Ms: 2, maxMs: 2 },
        get: { count: 0, errors: 1, perSec: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 },
      },
      perNode: { "dn-1": { puts: 10, gets: 0 }, "dn-2": { puts: 0, gets: 0 } },
    });
  });
});

describe("stability", () => {
  const level = new Array(10).fill(100);

  test("needs five windows of two intervals", () => {
    expect(stabilityOf(level.slice(1), 1)).toMatchObject({ reached: false, perSec: null, spreadPercent: null });
    expect(stabilityOf(level, 1)).toEqual({
      reached: true,
      windows: 5,
      windowSec: 2,
      withinPercent: 5,
      spreadPercent: 0,
      perSec: 100,
    });
  });

  test("is reached when each of the last windows is within 5 % of their mean, whatever was before", () => {
    expect(stabilityOf([1, 5000, ...level], 1).reached).toBe(true);
    expect(stabilityOf([...level.slice(0, 8), 104, 104], 1)).toMatchObject({ reached: true, perSec: 100.8, spreadPercent: 3.2 });
    expect(stabilityOf([...level.slice(0, 8), 110, 110], 1)).toMatchObject({ reached: false, spreadPercent: 7.8 });
    expect(stabilityOf([90, 90, 95, 95, 100, 100, 105, 105, 110, 110], 1).reached).toBe(false);
  });

  test("is not found in a slow swing by looking at the right moment", () => {
    const swing = Array.from({ length: 40 }, (_, second) => (Math.floor(second / 2) % 2 === 0 ? 100 : 200));
    for (let length = 0; length <= swing.length; length++) expect(stabilityOf(swing.slice(0, length), 1).reached).toBe(false);
  });

  test("is not disturbed by what alternates within a window", () => {
    expect(stabilityOf([50, 150, 150, 50, 50, 150, 150, 50, 50, 150], 1).reached).toBe(true);
  });

  test("of a cluster that does nothing is never reached", () => {
    expect(stabilityOf(new Array(10).fill(0), 1)).toMatchObject({ reached: false, perSec: 0 });
  });

  test("once reached stays, though the load runs out", () => {
    const { merged } = merging(1);
    for (let index = 0; index < 10; index++) merged.take(index, tallyOf(10), true);
    expect(merged.stability.reached).toBe(true);
    merged.take(10, tallyOf(1), true);
    expect(merged.stability.reached).toBe(true);
  });
});
