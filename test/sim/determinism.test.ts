import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { planOf } from "../../src/sim/plan.ts";
import { simulate } from "../../src/sim/run.ts";

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, "..", "..");
const SEEDS = [1, 2, 3, 4, 5, 6];

beforeAll(() => warmUpChecksums(32));

test("the same seed gives the same run, to the byte, twice in one process", async () => {
  for (const seed of SEEDS) {
    const first = simulate(planOf({ seed, recipe: "all" }), true);
    await warmUpChecksums(32);
    const second = simulate(planOf({ seed, recipe: "all" }), true);
    expect(second.digest).toBe(first.digest);
    expect(second.trace).toEqual(first.trace);
  }
});

test("another seed gives another run", () => {
  const digests = SEEDS.map((seed) => simulate(planOf({ seed })).digest);
  expect(new Set(digests).size).toBe(SEEDS.length);
});

test("two processes and this one agree on the digest of a sweep", async () => {
  const sweep = async (): Promise<unknown> => {
    const command = [
      process.execPath,
      join(ROOT, "src/main.ts"),
      "sim",
      "--seed",
      "11",
      "--seeds",
      "8",
      "--recipe",
      "all",
      "--json",
    ];
    const process_ = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
    return JSON.parse(await new Response(process_.stdout).text());
  };
  const [first, second] = await Promise.all([sweep(), sweep()]);
  expect(first).toMatchObject({ seeds: 8, violations: 0 });
  expect((second as { digest: string }).digest).toBe((first as { digest: string }).digest);
});

test("keeping the trace changes nothing of the run", async () => {
  await warmUpChecksums(32);
  const kept = simulate(planOf({ seed: 21 }), true);
  await warmUpChecksums(32);
  expect(simulate(planOf({ seed: 21 }), false).digest).toBe(kept.digest);
});
