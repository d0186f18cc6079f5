/** Explores the register's model: sound rules must hold, weakened ones must be caught. */
import { join } from "node:path";
import type { ModelRun, SoundRun, WeakRun, Witness } from "./model-runs.ts";
import { type Simulated, Specification } from "./quint.ts";

const FILE = "src/register/model/scenarios.qnt";
const INVARIANT = "safe";

export interface Verdict {
  readonly runs: number;
  readonly steps: number;
  /** Undefined when it is as it must be. */
  readonly complaint: string | undefined;
}

export interface SoundVerdict extends Verdict {
  /** In how many runs what came up. */
  readonly came: ReadonlyMap<string, number>;
}

export interface WeakVerdict extends Verdict {
  /** The rules seen broken. */
  readonly broken: readonly string[];
}

export class Model {
  readonly #specification: Specification;

  private constructor(specification: Specification) {
    this.#specification = specification;
  }

  static async load(): Promise<Model> {
    return new Model(await Specification.load(join(import.meta.dir, "../..", FILE)));
  }

  /** No run may break a rule. */
  holds(run: SoundRun, runs: number, seed: number): SoundVerdict {
    const { violation, witnessed, ...made } = this.#simulate(run, runs, seed, run.witnesses);
    const complaint = violation && `broken: ${violation.broken.join(", ")}; ${replayOf(run, violation.seed)}`;
    return { ...made, complaint, came: new Map(run.witnesses.map(({ what }, index) => [what, witnessed[index] ?? 0])) };
  }

  /** Within `runsMax` runs a rule must be seen broken, and only such as the weakness may break. */
  catches(run: WeakRun, runsMax: number, seed: number): WeakVerdict {
    const { violation, runs, steps } = this.#simulate(run, runsMax, seed);
    if (violation === undefined) return { runs, steps, complaint: "not caught", broken: [] };
    const { broken } = violation;
    const others = broken.filter((rule) => !run.breaks.includes(rule.split(" ")[0] ?? rule));
    const unlike = `seen by another rule than it should be: ${others.join(", ")}; ${replayOf(run, violation.seed)}`;
    return { runs, steps, complaint: others.length > 0 ? unlike : undefined, broken };
  }

  #simulate({ init, step, stepsMax }: ModelRun, runs: number, seed: number, witnesses: readonly Witness[] = []): Simulated {
    // Quint's generator counts: seeds that are near each other would share most of their runs.
    const far = BigInt(seed) << 32n;
    return this.#specification.simulate({
      init,
      step,
      invariant: INVARIANT,
      broken: "brokenRules",
      witnesses: witnesses.map(({ holds }) => holds),
      runs,
      stepsMax,
      seed: far,
    });
  }
}

/** The one command that shows a run, state by state. */
function replayOf({ init, step, stepsMax }: ModelRun, seed: bigint): string {
  return `npx quint run --backend typescript --invariant ${INVARIANT} --init ${init} --step ${step} --max-steps ${stepsMax} --max-samples 1 --seed 0x${seed.toString(16)} ${FILE}`;
}
