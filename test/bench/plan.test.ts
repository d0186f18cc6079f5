import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { type PlanFlags, planOf } from "../../src/bench/plan.ts";

function refusal(flags: PlanFlags): string | undefined {
  try {
    planOf(flags);
  } catch (error) {
    return codeOf(error);
  }
  return undefined;
}

describe("a plan", () => {
  test("has defaults for everything", () => {
    expect(planOf({})).toEqual({
      mix: { name: "balanced", get: 50, put: 50, ls: 0 },
      clients: 8,
      inFlight: 1,
      procs: 1,
      warmUpMs: 0,
      durationMs: 10_000,
      untilStable: false,
      sizes: { kind: "fixed", bytes: 4096 },
      files: 1000,
      keys: "uniform",
      ratePerSec: null,
      cleanup: false,
      check: false,
    });
  });

  test("in an open loop has slots enough to keep its rate", () => {
    expect(planOf({ rate: "500" }).inFlight).toBe(32);
    expect(planOf({ rate: "0.5", inFlight: "2" })).toMatchObject({ inFlight: 2, ratePerSec: 0.5 });
  });

  test("measures one kind with --only, whatever the mix", () => {
    expect(planOf({ mix: "read-heavy", only: "put" }).mix).toEqual({ name: "put-only", get: 0, put: 100, ls: 0 });
  });

  for (const flags of [
    { mix: "nonsense" },
    { mix: "constructor" },
    { only: "rm" },
    { clients: "0" },
    { clients: "-1" },
    { clients: "1.5" },
    { inFlight: "0" },
    { clients: "1000", inFlight: "1000" },
    { duration: "0s" },
    { duration: "soon" },
    { duration: "30d" },
    { size: "0" },
    { size: "1TiB" },
    { size: "-4KiB" },
    { files: "0" },
    { rate: "0" },
    { rate: "-5" },
    { rate: "fast" },
    { size: "7", history: true },
    { size: "7", check: true },
  ]) {
    test(`is refused for ${JSON.stringify(flags)}`, () => expect(refusal(flags)).toBe("BAD_USAGE"));
  }
});
