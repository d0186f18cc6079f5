/** The register's model (src/register/model), explored for some seconds; `npm run model` explores it for minutes. */
import { beforeAll, describe, expect, test } from "bun:test";
import { Model } from "../../src/tools/model-check.ts";
import { SOUND_RUNS, WEAK_RUNS } from "../../src/tools/model-runs.ts";

const SEED = 1;
const RUNS = 12;
const WEAK_RUNS_MAX = 400;

let model: Model;
const came = new Map<string, number>();

beforeAll(async () => {
  model = await Model.load();
});

describe("no run of the model breaks a rule", () => {
  for (const run of SOUND_RUNS) {
    test(run.name, () => {
      const verdict = model.holds(run, RUNS, SEED);
      expect(verdict.complaint).toBeUndefined();
      for (const [what, times] of verdict.came) came.set(what, (came.get(what) ?? 0) + times);
    });
  }

  test("and the runs get somewhere", () => {
    expect(came.size).toBeGreaterThan(0);
    expect([...came].filter(([, times]) => times === 0)).toEqual([]);
  });
});

describe("the model catches a weakened rule", () => {
  for (const run of WEAK_RUNS) {
    test(run.name, () => {
      expect(model.catches(run, WEAK_RUNS_MAX, SEED).complaint).toBeUndefined();
    });
  }
});
