/**
 * `npm run model -- [--seed N] [--runs K]`: explores the register's model. The same seed explores the same runs. Exit 1 when a
 * rule does not hold, or a weakened one is not caught.
 */
import { parseArgs } from "node:util";
import { formatCount } from "../base/units.ts";
import { Model, type Verdict } from "./model-check.ts";
import { SOUND_RUNS, WEAK_RUNS } from "./model-runs.ts";

const RUNS = 800;
/** A weakened rule that takes longer to show counts as not caught. */
const WEAK_RUNS_MAX = 3000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report({ name, runs, steps, complaint, shown }: Verdict): boolean {
  const figures = `${formatCount(runs)} runs, ${formatCount(steps)} steps`;
  say(`${complaint === undefined ? "ok  " : "FAIL"}  ${name}: ${figures}; ${complaint ?? shown.join("; ")}`);
  return complaint === undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: "string", default: "1" }, runs: { type: "string", default: `${RUNS}` } },
  });
  const seed = Number(values.seed);
  const runs = Number(values.runs);
  if (!Number.isSafeInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Error("--seed takes a number from 0 to 4294967295");
  if (!Number.isSafeInteger(runs) || runs < 1) throw new Error("--runs takes a number from 1");
  say(`seed ${seed}, ${formatCount(runs)} runs of each`);
  const model = await Model.load();
  say("These must hold:");
  const sound = SOUND_RUNS.map((run) => report(model.holds(run, runs, seed)));
  say("These are weakened, and must be caught:");
  const weak = WEAK_RUNS.map((run) => report(model.catches(run, WEAK_RUNS_MAX, seed)));
  return [...sound, ...weak].every((fine) => fine) ? 0 : 1;
}

process.exitCode = await main();
