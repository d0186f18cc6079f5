import { expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { chaosPlanOf, type PlanFlags } from "../../src/chaos/plan.ts";

test("the defaults are a minute on three nodes, with every fault that nothing is known to be wrong with", () => {
  const plan = chaosPlanOf({}, 42);
  expect(plan).toMatchObject({ seed: 42, durationMs: 60_000, nodes: 3, clients: 8, ratePerSec: 80 });
  expect(plan.faults).toContain("kill");
  expect(plan.faults).not.toContain("database-rot");
});

test("flags are taken as they are", () => {
  const plan = chaosPlanOf({ seed: "7", duration: "5m", nodes: "5", faults: "kill,database-rot", clients: "2", rate: "10" }, 42);
  expect(plan).toMatchObject({
    seed: 7,
    durationMs: 300_000,
    nodes: 5,
    faults: ["kill", "database-rot"],
    clients: 2,
    ratePerSec: 10,
  });
});

test("what makes no sense is refused", () => {
  const bad: readonly PlanFlags[] = [
    { seed: "-1" },
    { duration: "0s" },
    { duration: "8d" },
    { nodes: "0" },
    { faults: "" },
    { faults: "kill,," },
    { faults: "toString" },
    { clients: "0" },
    { rate: "0" },
  ];
  for (const flags of bad) {
    let code: string | undefined;
    try {
      chaosPlanOf(flags, 1);
    } catch (error) {
      code = codeOf(error);
    }
    expect([flags, code]).toEqual([flags, "BAD_USAGE"]);
  }
});
