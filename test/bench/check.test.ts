import { describe, expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { type BenchCheck, type HistoryBounds, KeptHistory } from "../../src/bench/check.ts";
import type { Operation } from "../../src/bench/observer.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";
import { reportOf } from "../../src/bench/report.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import { runBench } from "../../src/bench/run.ts";
import { contentBlock, Values } from "../../src/bench/values.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";
import { FakeTarget, ORIGIN } from "./fakes.ts";

function setUp() {
  const world = new FakeRuntime();
  const target = new FakeTarget(world.timers);
  target.delayMs = () => 1 + world.random.unit();
  const run = (flags: PlanFlags): Promise<BenchResult> =>
    world.until(runBench(target, planOf({ duration: "300ms", files: "5", ...flags, check: true }), world, { origin: ORIGIN }));
  return { world, target, run };
}

async function checkOf(run: Promise<BenchResult>): Promise<BenchCheck> {
  const { check } = await run;
  if (check === undefined) throw new Error("no check");
  return check;
}

describe("bench --check", () => {
  test("judges every operation, the preload included, and finds a file system of one map consistent", async () => {
    const { run, target } = setUp();
    const { check, operations } = await run({ mix: "balanced", inFlight: "4" });
    expect(check).toMatchObject({ verdict: "ok", files: 5, operationsOpen: 0, filesGivenUp: 0, notKept: 0, violations: [] });
    expect(check?.operationsChecked).toBe(operations.put.count + operations.get.count + 5);
    expect(target.contents.length).toBe(operations.put.count + 5);
  });

  test("takes failures and unknown outcomes for what they are", async () => {
    const { run, target } = setUp();
    let turn = 0;
    const put = target.put.bind(target);
    target.put = async (path, bytes) => {
      turn++;
      if (turn <= 5 || turn % 3 === 0) return await put(path, bytes);
      if (turn % 3 === 1) throw new QdfsError("STORAGE_FULL", "planted: nothing was done");
      if (turn % 6 === 2) void put(path, bytes); // done, later than anybody waited for it
      throw new QdfsError("OUTCOME_UNKNOWN", "planted");
    };
    const check = await checkOf(run({ mix: "balanced" }));
    expect(check.verdict).toBe("ok");
    expect(check.operationsOpen).toBeGreaterThan(10);
    expect(check.operationsExempt).toBeGreaterThan(10);
  });

  test("finds a put that was said to have failed and is read", async () => {
    const { run, target } = setUp();
    const put = target.put.bind(target);
    let turn = 0;
    target.put = async (path, bytes) => {
      const done = await put(path, bytes);
      if (++turn === 20) throw new QdfsError("QUORUM_UNAVAILABLE", "planted: it was done");
      return done;
    };
    const { verdict, violations } = await checkOf(run({ mix: "balanced", files: "1" }));
    expect(verdict).toBe("violated");
    expect(violations[0]?.contradiction).toMatch(/returned the value of a put that had definitely failed/);
  });

  test("finds a stale read, and the report shows it", async () => {
    const { run, target } = setUp();
    const get = target.get.bind(target);
    const before = new Map<string, Awaited<ReturnType<typeof get>>>();
    let turn = 0;
    target.get = async (path) => {
      const now = await get(path);
      const old = before.get(path);
      if (old === undefined) before.set(path, now);
      return ++turn === 100 && old !== undefined ? old : now;
    };
    const result = await run({ mix: "balanced" });
    expect(result.check).toMatchObject({ verdict: "violated", filesViolated: 1 });
    expect(result.check?.violations[0]?.operations).toHaveLength(2);
    const lines = reportOf(result).join("\n");
    expect(lines).toMatch(/^check: VIOLATED: 1 file not linearizable; judged: [\d,]+ operations on 5 files$/m);
    expect(lines).toMatch(
      /^\/bench\/\w+\/f\d+: a stale read: it returned version \d+ after client \d's \w+ had returned with version \d+$/m,
    );
  });

  test("finds a content that is put together from two puts", async () => {
    const { run, target } = setUp();
    const get = target.get.bind(target);
    let other: Uint8Array | undefined;
    let turn = 0;
    target.get = async (path) => {
      const file = await get(path);
      const bytes = file.bytes.slice();
      if (++turn === 50 && other !== undefined) bytes.set(other.subarray(4096), 4096);
      other = file.bytes;
      return { ...file, bytes };
    };
    const { verdict, violations } = await checkOf(run({ mix: "read-heavy", size: "16KiB" }));
    expect(verdict).toBe("violated");
    expect(violations[0]?.contradiction).toMatch(/returned a value that no put wrote/);
  });

  test("finds a listing that lacks a file, unless it said so", async () => {
    for (const complete of [true, false]) {
      const { run, target } = setUp();
      const list = target.list.bind(target);
      let turn = 0;
      target.list = async (node, each) => {
        let shown = 0;
        const lacking = node === null && ++turn === 10;
        await list(node, (path, version) => void (lacking && shown++ === 3 ? undefined : each(path, version)));
        return complete;
      };
      const check = await checkOf(run({ mix: "state-query" }));
      expect(check.listingsChecked).toBeGreaterThan(100);
      expect(check).toMatchObject(complete ? { verdict: "violated", listingsViolated: 1 } : { verdict: "ok" });
    }
  });
});

describe("a history in memory", () => {
  function operation(
    kind: "put" | "get",
    callNs: number,
    returnNs: number,
    version: number,
    more: Partial<Operation> = {},
  ): Operation {
    const valueId = `v${version}`;
    return {
      client: 1,
      kind,
      path: "/f",
      node: "dn-1",
      version,
      valueId,
      callNs,
      returnNs,
      outcome: "ok",
      code: null,
      files: null,
      ...more,
    };
  }

  function judged(bounds: Partial<HistoryBounds>, operations: readonly Operation[]): BenchCheck {
    const kept = new KeptHistory({ operationsMax: 100, entriesMax: 100, ...bounds });
    for (const done of operations) kept.operation(done);
    return kept.judge();
  }

  test("that is full is judged as it was at that moment, and never called ok", () => {
    const until = [operation("put", 0, 1, 1), operation("put", 2, 40, 3), operation("get", 30, 50, 3)];
    // The put of version 2 was under way at 50 and of version 4 was not; the get saw what came after the end.
    const after = [operation("put", 10, 60, 2), operation("put", 55, 65, 4), operation("get", 45, 70, 4)];
    expect(judged({}, [...until, ...after])).toMatchObject({ verdict: "ok", operationsChecked: 6, notKept: 0 });
    const cut = judged({ operationsMax: 3 }, [...until, ...after]);
    expect(cut).toMatchObject({ verdict: "unknown", operationsChecked: 4, operationsOpen: 1, notKept: 3, violations: [] });
  });

  test("that is full still shows a violation", () => {
    const stale = [operation("put", 0, 1, 1), operation("put", 2, 3, 2), operation("get", 4, 5, 1)];
    expect(judged({ operationsMax: 3 }, [...stale, operation("get", 6, 7, 2)])).toMatchObject({
      verdict: "violated",
      notKept: 1,
    });
  });

  test("keeps a listing that shows nothing new for free", () => {
    const kept = new KeptHistory({ operationsMax: 10, entriesMax: 3 });
    const listing = (versions: number[]) => ({
      client: 1,
      kind: "ls" as const,
      path: "/",
      callNs: 10,
      returnNs: 20,
      entries: versions.map((version, index) => ({ path: `/f${index}`, version })),
    });
    for (let i = 0; i < 5; i++) kept.listing(listing([1, 1]));
    kept.listing(listing([1, 2]));
    expect(kept.judge()).toMatchObject({ listingsChecked: 5, notKept: 1 });
  });
});

describe("contents", () => {
  test.each([8, 100, 4096, 4097, 4098, 10_000])("of %d bytes name their put, and nothing else passes for one", (sizeBytes) => {
    const values = new Values({ kind: "fixed", bytes: sizeBytes }, contentBlock(seededRandom(1)));
    const [first, second] = [values.next(), values.next()];
    expect(values.idOf(first)).toMatch(/^[0-9a-f]{16}$/);
    expect(values.idOf(second)).not.toBe(values.idOf(first));
    for (const at of [0, 3, 4, 7, sizeBytes >> 1, sizeBytes - 1]) {
      const damaged = second.with(at, (second[at] ?? 0) ^ 1);
      if (at > 3) expect(values.idOf(damaged)).toStartWith("damaged:");
      expect(values.idOf(damaged)).not.toBe(values.idOf(second));
    }
    expect(values.idOf(second.subarray(0, sizeBytes - 1))).toStartWith("damaged:");
    if (sizeBytes > 4096) {
      const mixed = first.slice();
      mixed.set(second.subarray(4096), 4096);
      expect(values.idOf(mixed)).toStartWith("damaged:");
    }
    expect(new Values({ kind: "fixed", bytes: sizeBytes }, contentBlock(seededRandom(2))).idOf(first)).toStartWith("damaged:");
  });
});
