import { expect, setDefaultTimeout, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { type PlanOptions, planOf } from "../../src/sim/plan.ts";
import { simulate } from "../../src/sim/run.ts";
import { replayCommand } from "../../src/sim/shrink.ts";
import { FAILED_SEEDS } from "./seeds.ts";

setDefaultTimeout(240_000);

const SEEDS_PER_DAY = 300;
const DAY_MS = 24 * 3_600_000;

/** What is violated, with the command that runs it again; undefined: nothing. */
async function violated(options: PlanOptions): Promise<string | undefined> {
  await warmUpChecksums(32);
  const { violations } = simulate(planOf(options));
  if (violations.length === 0) return undefined;
  const words = violations.map(({ of, what }) => `  ${of}: ${what}`);
  return [`again: ${replayCommand(options)} --trace`, ...words].join("\n");
}

test.each([...FAILED_SEEDS])("seed $seed of $recipe holds: $why", async ({ seed, recipe }) => {
  expect(await violated({ seed, recipe })).toBeUndefined();
});

test(`${SEEDS_PER_DAY} seeds that are new every day hold`, async () => {
  const first = Math.floor(Date.now() / DAY_MS) * SEEDS_PER_DAY;
  const command = `qdfs sim --seed ${first} --seeds ${SEEDS_PER_DAY} --recipe all`;
  process.stderr.write(`today's seeds: ${command}\n`);
  const failures: string[] = [];
  for (let seed = first; seed < first + SEEDS_PER_DAY; seed += 1) {
    const failure = await violated({ seed, recipe: "all" });
    if (failure !== undefined) failures.push(failure);
  }
  expect(failures).toEqual([]);
});
