/** A simulator that finds no planted bug proves nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { PlantedBug } from "./planted-bug.ts";
import { HARMLESS, PLANTED_BUGS } from "./planted-bugs.ts";

setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "..", "..");
/** A bug is looked for near the seed that its entry names. */
const SEEDS = 12;

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

test.each([...PLANTED_BUGS])("finds $name: $wrong", async (bug) => {
  expect((await hunt(bug, SEEDS)).of).toBeDefined();
});

test.each([...HARMLESS])("finds nothing where there is nothing: $name", async (bug) => {
  expect(await hunt(bug, 25)).toEqual({ seeds: 25 });
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
