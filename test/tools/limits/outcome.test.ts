import { describe, expect, test } from "bun:test";
import { medianOf } from "../../../src/base/median.ts";
import type { Experiment, Row, Sample } from "../../../src/tools/limits/experiment.ts";
import { inTurn } from "../../../src/tools/limits/experiment.ts";
import { outcomeOf } from "../../../src/tools/limits/outcome.ts";
import { jsonLine, tableOf } from "../../../src/tools/limits/report.ts";
import { runExperiment } from "../../../src/tools/limits/runner.ts";

const RATE: Row = { name: "put x 32", unit: "1/s", target: 0.8, lowerIsBetter: false };
const LATENCY: Row = { name: "longest put", unit: "ms", target: 1, lowerIsBetter: true, summary: "worst" };
const plan = { rounds: 3, isChosen: () => true, say: () => {} };

function samples(...pairs: readonly (readonly [number, number])[]): readonly Sample[] {
  return pairs.map(([ours, reference]) => ({ ours, reference }));
}

describe("a row's outcome", () => {
  test("is the median of the rounds' ratios, beside the medians of both sides", () => {
    const { ours, reference, ratio, spread, met } = outcomeOf(RATE, samples([80, 100], [500, 1000], [90, 90]));
    expect([ours, reference, ratio]).toEqual([90, 100, 0.8]);
    expect(spread).toEqual([0.5, 1]);
    expect(met).toBe(true);
  });

  test("is the worst round where that is what counts", () => {
    const { ours, met } = outcomeOf(LATENCY, samples([20, 100], [130, 100], [30, 100]));
    expect(ours).toBe(130);
    expect(met).toBe(false);
  });

  test("is missed on the far side of its target only", () => {
    expect(outcomeOf(RATE, samples([79, 100])).met).toBe(false);
    expect(outcomeOf(RATE, samples([80, 100])).met).toBe(true);
    expect(outcomeOf(LATENCY, samples([100, 100])).met).toBe(true);
  });

  test("has no ratio without a reference, and no verdict without a target", () => {
    const alone = outcomeOf(RATE, [{ ours: 5, reference: null }]);
    expect([alone.ratio, alone.spread, alone.met]).toEqual([null, null, null]);
    expect(outcomeOf({ ...RATE, target: null }, samples([1, 2])).met).toBe(null);
  });

  test("takes the middle of an even number of figures", () => {
    expect(medianOf([4, 1, 2, 10])).toBe(3);
    expect(medianOf([7])).toBe(7);
  });
});

describe("an experiment", () => {
  test("measures the reference first in every other round", async () => {
    const order: string[] = [];
    const note = (what: string) => async () => void order.push(what);
    await inTurn(0, note("ours"), note("reference"));
    await inTurn(1, note("ours"), note("reference"));
    expect(order).toEqual(["ours", "reference", "reference", "ours"]);
  });

  test("gives each of its rows the figures of its own place, and only those that were chosen", async () => {
    const experiment: Experiment = { rows: [RATE, LATENCY], round: async (index) => samples([index, 2], [10, 5]) };
    const outcomes = await runExperiment(experiment, { ...plan, isChosen: ({ name }) => name === LATENCY.name });
    expect(outcomes.map(({ row, ours, rounds }) => [row.name, ours, rounds])).toEqual([["longest put", 10, 3]]);
  });

  test("of which no row was chosen starts nothing", async () => {
    const prepare = () => Promise.reject(new Error("started"));
    const experiment: Experiment = { rows: [RATE], prepare, round: async () => [] };
    expect(await runExperiment(experiment, { ...plan, isChosen: () => false })).toEqual([]);
  });

  test("ends what it started when a round fails", async () => {
    let ended = false;
    const experiment: Experiment = {
      rows: [RATE],
      round: () => Promise.reject(new Error("no cluster")),
      finish: async () => {
        ended = true;
      },
    };
    await expect(runExperiment(experiment, plan)).rejects.toThrow("no cluster");
    expect(ended).toBe(true);
  });

  test("that cannot be measured now has its rows in the table, with the reason", async () => {
    const experiment: Experiment = { rows: [RATE], notNow: "needs --million", round: async () => [] };
    const outcomes = await runExperiment(experiment, plan);
    expect(tableOf(outcomes).at(-1)).toContain("needs --million");
    expect(JSON.parse(jsonLine(outcomes[0] ?? outcomeOf(RATE, [])))).toMatchObject({ name: "put x 32", ours: null, ratio: null });
  });
});

test("a line of JSON has what scripts rely on", () => {
  const line: unknown = JSON.parse(jsonLine(outcomeOf(RATE, samples([80, 100]))));
  expect(line).toMatchObject({ name: "put x 32", ours: 80, reference: 100, ratio: 0.8, target: 0.8, lowerIsBetter: false });
});
