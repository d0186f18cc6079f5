import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { compare, comparisonLines } from "../../src/bench/compare.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";
import { resultsOf } from "../../src/bench/result-file.ts";
import { runBench } from "../../src/bench/run.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { FakeTarget, ORIGIN } from "./fakes.ts";

/** A line of a result file. */
async function resultLine(flags: PlanFlags, delayMs = 1, cores = 2): Promise<string> {
  const world = new FakeRuntime();
  const target = new FakeTarget(world.timers);
  target.delayMs = () => delayMs;
  const origin = { ...ORIGIN, machine: { ...ORIGIN.machine, cores } };
  return JSON.stringify(
    await world.until(runBench(target, planOf({ duration: "2s", files: "10", ...flags }), world, { origin })),
  );
}

const compared = (a: readonly string[], b: readonly string[]) => compare(resultsOf(a, "A"), resultsOf(b, "B"));

describe("two results side by side", () => {
  test("give a ratio for each figure, and say which way is better", async () => {
    const comparison = compared([await resultLine({ only: "put" }, 1)], [await resultLine({ only: "put" }, 2)]);
    const figure = (name: string) => comparison.figures.find((row) => row.name === name);
    expect(figure("put perSec")).toMatchObject({ ratio: 0.5, lowerIsBetter: false });
    expect(figure("put p99Ms")).toMatchObject({ a: 1, b: 2, ratio: 2, lowerIsBetter: true });
    expect(figure("put errors")).toMatchObject({ a: 0, b: 0, ratio: 1 });
    expect(comparison.conditions).toEqual([]);
    const lines = comparisonLines(comparison, "a.json", "b.json").join("\n");
    expect(lines).toContain("the conditions are the same");
    expect(lines).toMatch(/put perSec +8,000 +4,000 +0\.50 {2}worse/);
  });

  test("name every condition that was not the same", async () => {
    const a = await resultLine({ clients: "8" });
    const b = await resultLine({ clients: "16", size: "1KiB-2KiB", keys: "zipfian", warmUp: "1s" }, 1, 64);
    const { conditions } = compared([a], [b]);
    expect(conditions.map(({ condition }) => condition).sort()).toEqual(
      ["clients", "keys", "machine", "sizeBytes", "sizes", "warmUpSec"].sort(),
    );
    expect(conditions.find(({ condition }) => condition === "clients")).toEqual({ condition: "clients", a: "8", b: "16" });
    expect(conditions.find(({ condition }) => condition === "machine")?.b).toContain("cores=64");
  });

  test("of several runs on a side are their medians", async () => {
    const runs = await Promise.all([1, 50, 2].map((delayMs) => resultLine({ only: "get" }, delayMs)));
    const { figures, runsA, runsB } = compared(runs, runs.slice(0, 1));
    expect([runsA, runsB]).toEqual([3, 1]);
    expect(figures.find(({ name }) => name === "get p50Ms")).toMatchObject({ a: 2, b: 1 });
  });

  test("tell what only one of them has", async () => {
    const { missing, figures } = compared([await resultLine({ only: "get" })], [await resultLine({ mix: "balanced" })]);
    expect(missing).toContain("put perSec");
    expect(figures.map(({ name }) => name)).toContain("get perSec");
  });

  test("may come from a version that knew fewer conditions and figures", () => {
    const old = `{"mix":"balanced","clients":8,"quorum":{"n":3},"operations":{"put":{"count":5,"errors":0,"perSec":7,"p50Ms":1}}}`;
    const { figures } = compared(["", `{"event":"operation"}`, old], [old]);
    expect(figures.map(({ name, ratio }) => [name, ratio])).toEqual([
      ["put perSec", 1],
      ["put p50Ms", 1],
      ["put errors", 1],
    ]);
  });

  test.each([[""], ["not JSON"], ["[]"], ["null"], [`{"mix":"balanced"}`]])("are refused without a result: %p", (line) => {
    let code: unknown;
    try {
      resultsOf([line], "A");
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe("BAD_USAGE");
  });
});
