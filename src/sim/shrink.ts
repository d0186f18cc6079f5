/** Makes a failing run smaller: fewer operations, faults, clients and nodes, as long as the same promise is still broken. */
import type { Plan, PlanOptions } from "./plan.ts";
import { planOf } from "./plan.ts";
import type { RunResult } from "./run.ts";

export interface Shrunk {
  readonly options: PlanOptions;
  readonly result: RunResult;
}

/** Runs a plan; may take breath between runs. */
export type Simulate = (plan: Plan) => Promise<RunResult>;

const RUNS_MAX = 120;

/** `first`: the failing run. Greedy and bounded: small, not smallest. */
export async function shrink(options: PlanOptions, first: RunResult, simulate: Simulate): Promise<Shrunk> {
  const broken = new Set(first.violations.map(({ of }) => of));
  let best: Shrunk = { options, result: first };
  let runsLeft = RUNS_MAX;
  const attempt = async (candidate: PlanOptions): Promise<boolean> => {
    if (runsLeft === 0) return false;
    runsLeft -= 1;
    const result = await simulate(planOf(candidate));
    if (!result.violations.some(({ of }) => broken.has(of))) return false;
    best = { options: candidate, result };
    return true;
  };
  const { shape, clients, faults } = planOf(options);
  await fewerOperations(best, attempt, () => best);
  for (const { index } of faults)
    await attempt({
      ...best.options,
      faults: planned(best)
        .faults.map((fault) => fault.index)
        .filter((kept) => kept !== index),
    });
  for (let client = 1; client <= clients; client += 1) await attempt({ ...best.options, clients: others(best, clients, client) });
  if (shape.nodes > shape.n) await attempt({ ...best.options, nodes: shape.n });
  await fewerOperations(best, attempt, () => best);
  return best;
}

/** The shortest prefix, by halving: what fails with few operations mostly fails with more. */
async function fewerOperations(
  from: Shrunk,
  attempt: (candidate: PlanOptions) => Promise<boolean>,
  best: () => Shrunk,
): Promise<void> {
  let high = 1 + Math.max(0, ...planned(from).operations.map(({ index }) => index));
  let low = 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await attempt({ ...best().options, operations: middle })) high = middle;
    else low = middle + 1;
  }
}

function planned({ options }: Shrunk): Plan {
  return planOf(options);
}

function others({ options }: Shrunk, clients: number, without: number): readonly number[] {
  const kept = options.clients ?? Array.from({ length: clients }, (_, i) => i + 1);
  return kept.filter((client) => client !== without);
}

/** The one command that runs this again. */
export function replayCommand({ seed, recipe, nodes, operations, faults, clients }: PlanOptions): string {
  const words = ["qdfs sim", `--seed ${seed}`];
  if (recipe !== undefined) words.push(`--recipe ${recipe}`);
  if (nodes !== undefined) words.push(`--nodes ${nodes}`);
  if (operations !== undefined) words.push(`--ops ${operations}`);
  if (faults !== undefined) words.push(`--faults ${faults.length === 0 ? "none" : faults.join(",")}`);
  if (clients !== undefined) words.push(`--clients ${clients.join(",")}`);
  return words.join(" ");
}
