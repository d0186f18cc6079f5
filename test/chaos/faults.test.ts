import { expect, test } from "bun:test";
import { FAULTS, type Fault, type FaultKind, type FaultPlanOptions, isFaultKind, planFaults } from "../../src/chaos/faults.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

const KINDS = Object.keys(FAULTS).filter(isFaultKind);
const OPTIONS: FaultPlanOptions = {
  kinds: KINDS,
  nodes: ["dn-1", "dn-2", "dn-3"],
  rotting: ["dn-2"],
  fillable: ["dn-3"],
  impossible: new Set<FaultKind>(),
};
const HOUR_MS = 3_600_000;

function anHour(seed: number, options = OPTIONS): readonly Fault[] {
  const plan = planFaults(seededRandom(seed), options);
  const faults: Fault[] = [];
  for (let [fault, spanMs] = [plan.next().value, 0]; spanMs + fault.afterMs <= HOUR_MS; fault = plan.next().value) {
    spanMs += fault.afterMs;
    faults.push(fault);
  }
  return faults;
}

test("the plan follows from the seed, and differs with it", () => {
  expect(anHour(1)).toEqual(anHour(1));
  expect(anHour(1).slice(0, 20)).not.toEqual(anHour(2).slice(0, 20));
});

test("an hour has far more than a thousand faults, of every kind", () => {
  const faults = anHour(3);
  expect(faults.length).toBeGreaterThan(1_500);
  expect([...new Set(faults.map(({ kind }) => kind))].sort()).toEqual([...KINDS].sort());
});

test("bytes are damaged on the given nodes alone, and only the given disks are filled", () => {
  for (const { kind, servers } of anHour(4)) {
    if (kind === "bit-rot" || kind === "database-rot") expect(servers).toEqual(["dn-2"]);
    if (kind === "disk-full") expect(servers).toEqual(["dn-3"]);
  }
});

test("what the cluster has not is not planned", () => {
  const kinds = new Set(
    anHour(5, { ...OPTIONS, rotting: [], fillable: [], impossible: new Set<FaultKind>(["cut", "one-way"]) }).map(
      ({ kind }) => kind,
    ),
  );
  for (const kind of ["bit-rot", "database-rot", "disk-full", "cut", "one-way"] as const) expect(kinds.has(kind)).toBe(false);
});

test("a link has two different ends, one of them a server", () => {
  for (const { kind, servers } of anHour(6)) {
    if (kind !== "cut" && kind !== "one-way") continue;
    expect(new Set(servers).size).toBe(2);
    expect(servers.filter((end) => end !== "client").length).toBeGreaterThan(0);
  }
});
