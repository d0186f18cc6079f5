/** A simulator that finds no planted bug proves nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { PlantedBug } from "./planted-bug.ts";
import { HARMLESS, PLANTED_BUGS } from "./planted-bugs.ts";

setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "..", "..");
/** A bug is looked for near the seed that its entry names. */
const SEEDS = 12;
/** Those that change nothing that counts are run on so many seeds. */
const SEEDS_HARMLESS = 15;

/** One hunt on every processor at a time. */
let idle = availableParallelism();
const waiting: (() => void)[] = [];

async function inTurn<T>(run: () => Promise<T>): Promise<T> {
  if (idle === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else idle -= 1;
  try {
    return await run();
  } finally {
    const next = waiting.shift();
    if (next === undefined) idle += 1;
    else next();
  }
}

async function hunt(
  { name, recipe, seed }: PlantedBug,
  seeds: number,
): Promise<{ readonly of?: string; readonly seeds: number }> {
  const command = [process.execPath, "--preload", "./test/sim/plant.ts", "test/sim/hunt.ts", recipe, `${seed}`, `${seeds}`];
  const child = Bun.spawn(command, { cwd: ROOT, env: { ...process.env, QDFS_PLANT: name }, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ exit: await child.exited, stderr }).toEqual({ exit: 0, stderr: "" });
  return JSON.parse(stdout);
}

test("there are at least twelve planted bugs, and no two have one name", () => {
  expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(12);
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length);
});

test.concurrent.each([...PLANTED_BUGS])("finds $name: $wrong", async (bug) => {
  expect((await inTurn(() => hunt(bug, SEEDS))).of).toBeDefined();
});

test.concurrent.each([...HARMLESS])("finds nothing where there is nothing: $name", async (bug) => {
  expect(await inTurn(() => hunt(bug, SEEDS_HARMLESS))).toEqual({ seeds: SEEDS_HARMLESS });
});

test("an edit that does not fit its source is refused, so that no planted bug goes missing unseen", async () => {
  const child = Bun.spawn([process.execPath, "--preload", "./test/sim/plant.ts", "test/sim/hunt.ts"], {
    cwd: ROOT,
    env: { ...process.env, QDFS_PLANT: "no-such-bug" },
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await child.exited).not.toBe(0);
});
