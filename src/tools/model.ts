/**
 * `npm run model -- [--seed N] [--runs K]`: explores the register's model. The same seed explores the same runs. Exit 1 when a
 * rule does not hold, or a weakened one is not caught.
 */
import { parseArgs } from "node:util";
import { formatCount } from "../base/units.ts";
import { Model, type Verdict } from "./model-check.ts";
import { SOUND_RUNS, type SoundRun, WEAK_RUNS, type WeakRun } from "./model-runs.ts";

const RUNS = 300;
/** A weakened rule that takes longer to show counts as not caught. */
const WEAK_RUNS_MAX = 3000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report(name: string, { runs, steps, complaint }: Verdict, fine: string): boolean {
  const figures = `${formatCount(runs)} runs, ${formatCount(steps)} steps`;
  say(`${complaint === undefined ? "ok  " : "FAIL"}  ${name}: ${figures}; ${complaint ?? fine}`);
  return complaint === undefined;
}

function explore(model: Model, run: SoundRun, runs: number, seed: number): boolean {
  const verdict = model.holds(run, runs, seed);
  const never = [...verdict.came].filter(([, times]) => times === 0).map(([what]) => what);
  const complaint = verdict.complaint ?? (never.length > 0 ? `too few runs, never came up: ${never.join(", ")}` : undefined);
  return report(run.name, { ...verdict, complaint }, [...verdict.came].map(([what, times]) => `${what} in ${times}`).join(", "));
}

function weaken(model: Model, run: WeakRun, seed: number): boolean {
  const verdict = model.catches(run, WEAK_RUNS_MAX, seed);
  return report(run.name, verdict, verdict.broken.join("; "));
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
  const sound = SOUND_RUNS.map((run) => explore(model, run, runs, seed));
  say("These are weakened, and must be caught:");
  const weak = WEAK_RUNS.map((run) => weaken(model, run, seed));
  return [...sound, ...weak].every((fine) => fine) ? 0 : 1;
}

process.exitCode = await main();
