/** Explores the register's model: sound rules must hold, weakened ones must be caught. */
import { join } from "node:path";
import type { ModelRun, SoundRun, WeakRun } from "./model-runs.ts";
import { type Simulated, Specification } from "./quint.ts";

const FILE = "src/register/model/scenarios.qnt";
const INVARIANT = "safe";

export interface Verdict {
  readonly name: string;
  readonly runs: number;
  readonly steps: number;
  /** Undefined when it is as it must be. */
  readonly complaint: string | undefined;
  /** Sound rules: how many runs showed each of the witnesses. Weakened ones: the rules seen broken. */
  readonly shown: readonly string[];
}

export class Model {
  readonly #specification: Specification;

  private constructor(specification: Specification) {
    this.#specification = specification;
  }

  static async load(): Promise<Model> {
    return new Model(await Specification.load(join(import.meta.dir, "../..", FILE)));
  }

  /** No run may break a rule, and each witness must have come true in one. */
  holds(run: SoundRun, runs: number, seed: number): Verdict {
    const { violation, witnessed, ...made } = this.#simulate(run, run.witnesses, runs, seed);
    const unseen = run.witnesses.filter((_, index) => witnessed[index] === 0);
    const complaint = violation
      ? `broken: ${violation.broken.join(", ")}; ${replayOf(run, violation.seed)}`
      : unseen.length > 0
        ? `nothing was shown, no run had ${unseen.join(" nor ")}`
        : undefined;
    return {
      name: run.name,
      ...made,
      complaint,
      shown: run.witnesses.map((witness, index) => `${witnessed[index]} × ${witness}`),
    };
  }

  /** Within `runsMax` runs a rule must be seen broken, and only such as the weakness may break. */
  catches(run: WeakRun, runsMax: number, seed: number): Verdict {
    const { violation, witnessed: _, ...made } = this.#simulate(run, [], runsMax, seed);
    const others = violation?.broken.filter((rule) => !run.breaks.includes(rule.split(" ")[0] ?? rule)) ?? [];
    const complaint =
      violation === undefined
        ? "not caught"
        : others.length > 0
          ? `caught by another rule than it should be: ${others.join(", ")}; ${replayOf(run, violation.seed)}`
          : undefined;
    return { name: run.name, ...made, complaint, shown: violation?.broken ?? [] };
  }

  #simulate({ init, step, stepsMax }: ModelRun, witnesses: readonly string[], runs: number, seed: number): Simulated {
    // Quint's generator counts: seeds that are near each other would share most of their runs.
    const far = BigInt(seed) << 32n;
    return this.#specification.simulate({
      init,
      step,
      invariant: INVARIANT,
      broken: "brokenRules",
      witnesses,
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
