/** Warm-up, the course of a run, its early end, and several processes that share it. */
import { describe, expect, test } from "bun:test";
import type { Fleet, FleetJob } from "../../src/bench/fleet.ts";
import { runLoad } from "../../src/bench/load.ts";
import type { Operation } from "../../src/bench/observer.ts";
import { Operations } from "../../src/bench/operations.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";
import { runBench } from "../../src/bench/run.ts";
import type { SeriesRow } from "../../src/bench/series.ts";
import { Values } from "../../src/bench/values.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { FakeTarget, ORIGIN } from "./fakes.ts";

function setUp() {
  const world = new FakeRuntime();
  const target = new FakeTarget(world.timers);
  const operations: Operation[] = [];
  const observer = { operation: (operation: Operation) => void operations.push(operation) };
  const rows: SeriesRow[] = [];
  let startedMs = 0;
  const ports = {
    origin: ORIGIN,
    observer,
    started: (wallMs: number) => {
      startedMs = wallMs;
    },
    interval: (_: unknown, row: SeriesRow) => void rows.push(row),
    startFleet: async (job: FleetJob) => fleetIn(world, target, job),
  };
  const run = (flags: PlanFlags, stopped = () => false) =>
    world.until(runBench(target, planOf(flags), world, { ...ports, stopped }), 1e8);
  return { world, target, operations, rows, run, startedMs: () => startedMs };
}

/** Processes that are none: the same code, in this one. */
function fleetIn(world: FakeRuntime, target: FakeTarget, { plan, directory, nodes, block }: FleetJob): Fleet {
  const of = plan.procs;
  const processes = Array.from({ length: of }, (_, index) => {
    const values = new Values(plan.sizes, block, { index, of: of + 1 });
    const share = { index, of };
    const operations = new Operations({ target, plan, runtime: world, directory, nodes, values, share, originMs: 0 });
    return {
      run: async (startMs: number, emit: Parameters<typeof runLoad>[0]["emit"], stopped: () => boolean) => {
        const endMs = await runLoad({ plan, share, operations, nodes, runtime: world, startMs, emit, stopped });
        return { endMs, found: operations.found };
      },
    };
  });
  return { processes, replay: async () => {}, close: async () => {} };
}

describe("a warm-up", () => {
  test("puts load on and is not counted", async () => {
    const { run, target, world } = setUp();
    target.delayMs = () => (world.clock.monotonicMs() < 1000 ? 50 : 1);
    const { operations, durationSec, warmUpSec, series } = await run({ only: "put", clients: "4", warmUp: "1s", duration: "2s" });
    expect(operations.put).toMatchObject({ count: 4 * 2000, maxMs: 1 });
    expect([durationSec, warmUpSec, series.length]).toEqual([2, 1, 2]);
    expect(target.contents.length).toBe(4 * 20 + operations.put.count);
  });

  test("of an open loop takes the operations that are due in it", async () => {
    const { run, target } = setUp();
    const { operations } = await run({ only: "put", rate: "100", warmUp: "1s", duration: "2s" });
    expect(operations.put.count).toBe(200);
    expect(target.contents.length).toBe(300);
  });

  test("is observed all the same: a checker needs to know of it", async () => {
    const { run, operations } = setUp();
    const result = await run({ only: "put", clients: "1", warmUp: "100ms", duration: "100ms" });
    expect(operations.length).toBe(2 * result.operations.put.count);
  });
});

describe("the course of a run", () => {
  test("has a row per second whose counts add up to the result", async () => {
    const { run, target, world, rows, startedMs } = setUp();
    // A stall from the second second on: what ends in it ended at its very beginning.
    target.delayMs = () => (world.clock.monotonicMs() >= 1000 && world.clock.monotonicMs() < 1010 ? 1500 : 2);
    const { series, operations, perNode, startedAt } = await run({ only: "put", clients: "1", duration: "4s" });
    expect(series).toEqual(rows);
    expect(series.map(({ fromSec, durationSec, perSec }) => [fromSec, durationSec, perSec])).toEqual([
      [0, 1, 499],
      [1, 1, 1],
      [2, 1, 250],
      [3, 1, 501],
    ]);
    expect(series.reduce((sum, row) => sum + (row.operations.put?.count ?? 0), 0)).toBe(operations.put.count);
    const ofNode = series.reduce((sum, row) => sum + (row.perNode["dn-1"]?.puts ?? 0), 0);
    expect(ofNode).toBe(perNode["dn-1"]?.puts ?? 0);
    expect(startedAt).toBe(new Date(startedMs()).toISOString());
  });

  test("ends early when somebody stops it, with what there is", async () => {
    const { run, world } = setUp();
    const { durationSec, series } = await run({ only: "put", duration: "1h" }, () => world.clock.monotonicMs() > 2500);
    expect(durationSec).toBeCloseTo(2.5, 1);
    expect(series.length).toBe(3);
  });

  test("of more than an hour has rows of more than a second", async () => {
    const { run } = setUp();
    const { seriesIntervalSec, series } = await run({ only: "put", clients: "1", rate: "1", duration: "2h" });
    expect([seriesIntervalSec, series.length]).toEqual([2, 3600]);
  });
});

describe("--until-stable", () => {
  test("ends the run when its throughput is level", async () => {
    const { run, target, world } = setUp();
    // Faster and faster for five seconds.
    target.delayMs = () => Math.max(1, 10 - 2 * (world.clock.monotonicMs() / 1000));
    const { stability, durationSec } = await run({ only: "put", untilStable: true });
    expect(stability).toMatchObject({ reached: true, spreadPercent: expect.any(Number) });
    expect(stability?.perSec ?? 0).toBeGreaterThan(7500);
    expect(durationSec).toBeGreaterThan(12);
    expect(durationSec).toBeLessThan(18);
  });

  test("ends at --duration when it never is, and says so", async () => {
    const { run, target, world } = setUp();
    target.delayMs = () => (Math.floor(world.clock.monotonicMs() / 2000) % 2 === 0 ? 1 : 5);
    const { stability, durationSec } = await run({ only: "put", untilStable: true, duration: "20s" });
    expect(stability?.reached).toBe(false);
    expect(Math.round(durationSec)).toBe(20);
  });
});

describe("several processes", () => {
  test("make the load of one, and their counts are one result", async () => {
    const alone = await setUp().run({ only: "put", clients: "6", inFlight: "2", duration: "3s" });
    const { run, target } = setUp();
    const shared = await run({ only: "put", clients: "6", inFlight: "2", procs: "4", duration: "3s" });
    expect(shared.operations).toEqual(alone.operations);
    expect(shared.series.map(({ perSec }) => perSec)).toEqual(alone.series.map(({ perSec }) => perSec));
    expect([shared.procs, target.inFlightMax]).toEqual([4, 12]);
  });

  test("share an open loop's schedule to the operation", async () => {
    const { run } = setUp();
    const { operations } = await run({ only: "put", rate: "100", procs: "3", duration: "1s" });
    expect(operations.put).toMatchObject({ count: 100, errors: 0 });
  });

  test("write contents that are told apart", async () => {
    const { run, target } = setUp();
    await run({ only: "put", procs: "3", duration: "200ms", size: "8" });
    expect(new Set(target.contents.map((bytes) => bytes.toHex())).size).toBe(target.contents.length);
  });

  test("end together when the throughput is level", async () => {
    const { run } = setUp();
    const { stability, durationSec } = await run({ only: "put", procs: "3", untilStable: true });
    expect(stability?.reached).toBe(true);
    expect(durationSec).toBeLessThan(12);
  });
});
