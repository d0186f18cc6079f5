import { describe, expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { type Operation, recordOf, traceLine } from "../../src/bench/observer.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";
import { reportOf } from "../../src/bench/report.ts";
import { runBench } from "../../src/bench/run.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { FakeTarget, ORIGIN } from "./fakes.ts";

function setUp() {
  const world = new FakeRuntime();
  const target = new FakeTarget(world.timers);
  const operations: Operation[] = [];
  const observer = { operation: (operation: Operation) => void operations.push(operation) };
  const run = (flags: PlanFlags) => world.until(runBench(target, planOf(flags), world, { origin: ORIGIN, observer }));
  return { world, target, operations, run };
}

describe("the mixes", () => {
  for (const [mix, share] of [
    ["read-heavy", 0.9],
    ["write-heavy", 0.1],
    ["balanced", 0.5],
  ] as const) {
    test(`${mix} does ${share * 100} gets in a hundred operations`, async () => {
      const { run } = setUp();
      const { operations } = await run({ mix, duration: "2s", files: "50" });
      const { put, get, ls } = operations;
      expect(get.count / (get.count + put.count)).toBeCloseTo(share, 1);
      expect(ls.count).toBe(0);
      expect(put.errors + get.errors).toBe(0);
    });
  }

  test("state-query lists all files and each node's files, and says what it found", async () => {
    const { run } = setUp();
    const result = await run({ mix: "state-query", duration: "100ms", files: "50" });
    expect(result.operations.ls.count).toBeGreaterThan(100);
    expect(result.found).toEqual({ files: 50, perNode: { "dn-1": 49, "dn-2": 49, "dn-3": 49 } });
  });

  test("--only put puts alone and needs no preload", async () => {
    const { run, target } = setUp();
    const result = await run({ only: "put", duration: "50ms", files: "1000000", clients: "2" });
    expect(result.mix).toBe("put-only");
    expect(result.operations.put.count).toBe(target.contents.length);
    expect(result.operations.get.count).toBe(0);
  });

  test("the preload is not counted", async () => {
    const { run } = setUp();
    const { operations } = await run({ only: "get", duration: "50ms", files: "500" });
    expect(operations.put.count).toBe(0);
    expect(operations.get.count).toBe(8 * 50);
  });
});

describe("what is measured", () => {
  test("a closed loop keeps clients × in-flight operations going and measures each", async () => {
    const { run, target } = setUp();
    target.delayMs = () => 4;
    const result = await run({ only: "put", clients: "3", inFlight: "5", duration: "400ms" });
    expect(target.inFlightMax).toBe(15);
    expect(result.operations.put.count).toBe(15 * 100);
    expect(result.operations.put.perSec).toBeCloseTo(15 * 250, 5);
    expect(result.operations.put).toMatchObject({ p50Ms: 4, p99Ms: 4, maxMs: 4 });
  });

  test("an open loop counts the time that an operation waited for its turn", async () => {
    const { run, target, world } = setUp();
    // One stall of 500 ms: at 100 ops/s and one at a time it delays the 50 operations that fall due meanwhile.
    target.delayMs = () => (world.clock.monotonicMs() < 5 ? 500 : 1);
    const result = await run({ only: "put", clients: "1", inFlight: "1", rate: "100", duration: "2s" });
    const { count, maxMs, p50Ms, p95Ms } = result.operations.put;
    expect(count).toBe(200);
    expect(maxMs).toBe(500);
    expect(p50Ms).toBeLessThan(2);
    expect(p95Ms).toBeGreaterThan(400);
  });

  test("percentiles never exceed the longest operation", async () => {
    const { run, target, world } = setUp();
    target.delayMs = () => 0.001 + world.random.unit() * 1000;
    const { operations } = await run({ only: "put", duration: "20s" });
    const { p50Ms, p95Ms, p99Ms, maxMs } = operations.put;
    expect(p50Ms).toBeGreaterThan(0);
    expect([p50Ms, p95Ms, p99Ms, maxMs]).toEqual([p50Ms, p95Ms, p99Ms, maxMs].toSorted((a, b) => a - b));
  });

  test("every operation is counted at one node", async () => {
    const { run } = setUp();
    const { operations, perNode } = await run({ duration: "100ms", files: "10" });
    const sum = (kind: "puts" | "gets") => Object.values(perNode).reduce((total, counts) => total + counts[kind], 0);
    expect(sum("puts")).toBe(operations.put.count);
    expect(sum("gets")).toBe(operations.get.count);
  });

  test("no two puts write the same bytes", async () => {
    const { run, target } = setUp();
    await run({ only: "put", duration: "1s", size: "8", inFlight: "16" });
    expect(new Set(target.contents.map((bytes) => bytes.toHex())).size).toBe(target.contents.length);
    expect(target.contents.length).toBeGreaterThan(70_000);
  });
});

describe("failures", () => {
  test("are counted by kind and code, the unknown ones beside, and pause the slot", async () => {
    const { run, target } = setUp();
    let turn = 0;
    target.fault = () => {
      turn++;
      return turn % 2 === 0 ? undefined : new QdfsError(turn % 4 === 1 ? "QUORUM_UNAVAILABLE" : "OUTCOME_UNKNOWN", "planted");
    };
    const { operations } = await run({ only: "put", clients: "1", duration: "240ms" });
    // One good millisecond, one failing millisecond and 10 ms of pause a round.
    expect(operations.put).toMatchObject({
      count: 20,
      errors: 20,
      unknown: 10,
      errorCodes: { QUORUM_UNAVAILABLE: 10, OUTCOME_UNKNOWN: 10 },
    });
  });

  test("of the preload end the run with their error", async () => {
    const { run, target } = setUp();
    target.fault = () => new QdfsError("QUORUM_UNAVAILABLE", "planted");
    await expect(run({ mix: "balanced" })).rejects.toThrow("planted");
  });

  test("that are bugs are not swallowed", async () => {
    const { run, target } = setUp();
    target.put = () => Promise.reject(new TypeError("a bug"));
    await expect(run({ only: "put" })).rejects.toThrow("a bug");
  });
});

describe("history and trace", () => {
  test("each get's value is that of the put that made its version", async () => {
    const { run, operations } = setUp();
    await run({ duration: "200ms", files: "5" });
    const written = new Map<string, string | null>();
    for (const { kind, path, version, valueId } of operations) if (kind === "put") written.set(`${path}@${version}`, valueId);
    const gets = operations.filter(({ kind }) => kind === "get");
    expect(gets.length).toBeGreaterThan(100);
    for (const { path, version, valueId } of gets) expect(valueId).toBe(written.get(`${path}@${version}`) ?? "none");
  });

  test("an operation of unknown outcome stays open, a refused one does not", async () => {
    const { run, target, operations } = setUp();
    let turn = 0;
    target.fault = () =>
      turn++ % 2 === 0 ? new QdfsError("OUTCOME_UNKNOWN", "planted") : new QdfsError("STORAGE_FULL", "planted");
    await run({ only: "put", duration: "30ms", clients: "1" });
    const lines = operations.map(recordOf);
    expect(lines[0]).toEqual({
      client: 1,
      kind: "put",
      path: operations[0]?.path ?? "none",
      version: null,
      valueId: operations[0]?.valueId ?? "none",
      callNs: 0,
      returnNs: null,
      outcome: "unknown",
    });
    expect(lines[1]).toMatchObject({ outcome: "fail", returnNs: operations[1]?.returnNs });
  });

  test("a get that finds nothing has read that there is nothing", async () => {
    const { run, target, operations } = setUp();
    target.get = () => Promise.reject(new QdfsError("NOT_FOUND", "planted"));
    await run({ only: "get", duration: "5ms", files: "1", clients: "1" });
    expect(recordOf(operations[1] ?? fail())).toMatchObject({
      kind: "get",
      version: null,
      valueId: null,
      outcome: "ok",
    });
  });

  test("a listing is in the trace and not in the history", async () => {
    const { run, operations } = setUp();
    await run({ mix: "state-query", duration: "20ms", files: "3" });
    const listings = operations.filter(({ kind }) => kind === "ls");
    expect(listings.map(recordOf).every((line) => line === undefined)).toBe(true);
    expect(listings.slice(0, 2).map(traceLine)).toEqual([
      "client 1  ls   all files  -  3 files  ok  1.00 ms",
      "client 2  ls   files of  dn-1  2 files  ok  1.00 ms",
    ]);
  });

  test("--cleanup leaves nothing behind", async () => {
    const { run, target } = setUp();
    await run({ duration: "20ms", files: "30", cleanup: true });
    expect(target.files.size).toBe(0);
  });
});

test("the report states the conditions beside the figures, and every failure", async () => {
  const { run, target } = setUp();
  let turn = 0;
  target.fault = () => (turn++ === 1500 ? new QdfsError("OUTCOME_UNKNOWN", "planted") : undefined);
  const lines = reportOf(await run({ mix: "read-heavy", clients: "8", inFlight: "2", duration: "1s" })).join("\n");
  for (const part of [
    "read-heavy: 8 clients × 2 in flight",
    "N=3 W=2 R=2 (majority)",
    "fsync",
    "4.0 KiB × 1,000 files",
    "p99 ms",
    "dn-3",
    "1 × OUTCOME_UNKNOWN",
  ]) {
    expect(lines).toContain(part);
  }
});

function fail(): never {
  throw new Error("no such operation");
}
