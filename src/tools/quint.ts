/** Quint's simulator in this process: a specification is read and checked once and then run from many beginnings. */
import type { LookupTable } from "@informalsystems/quint";
import { load, parse, type TypecheckedStage, typecheck } from "@informalsystems/quint/dist/src/cliCommands.js";
import { toExpr } from "@informalsystems/quint/dist/src/cliHelpers.js";
import type { QuintEx } from "@informalsystems/quint/dist/src/ir/quintIr.js";
import { newRng } from "@informalsystems/quint/dist/src/rng.js";
import { Evaluator } from "@informalsystems/quint/dist/src/runtime/impl/evaluator.js";
import { newTraceRecorder } from "@informalsystems/quint/dist/src/runtime/trace.js";

export interface Simulation {
  /** The actions that a run begins and goes on with. */
  readonly init: string;
  readonly step: string;
  /** What must hold in every state, and the set of strings that says what does not. */
  readonly invariant: string;
  readonly broken: string;
  /** Predicates; the number of runs in which each was true at some point is reported. */
  readonly witnesses: readonly string[];
  readonly runs: number;
  readonly stepsMax: number;
  readonly seed: bigint;
}

export interface Simulated {
  /** Runs made: all of them, or those up to the first in which the invariant did not hold. */
  readonly runs: number;
  readonly steps: number;
  readonly witnessed: readonly number[];
  readonly violation: { readonly seed: bigint; readonly broken: readonly string[] } | undefined;
}

export class Specification {
  readonly #checked: TypecheckedStage;
  readonly #table: LookupTable;

  private constructor(checked: TypecheckedStage) {
    this.#checked = checked;
    this.#table = checked.resolver.table;
  }

  /** Reads `file`, whose main module has the file's name. @throws Error with the places when it does not parse or type */
  static async load(file: string): Promise<Specification> {
    const loaded = (await load({ input: file })).mapLeft(complain).unwrap();
    const parsed = (await parse(loaded)).mapLeft(complain).unwrap();
    return new Specification((await typecheck(parsed)).mapLeft(complain).unwrap());
  }

  /** The same simulation has the same result, always. @throws Error when an expression does not evaluate */
  simulate({ init, step, invariant, broken, witnesses, runs, stepsMax, seed }: Simulation): Simulated {
    const rng = newRng(seed);
    const evaluator = new Evaluator(this.#table, newTraceRecorder(0, rng, 1), rng);
    const outcome = evaluator.simulate(
      this.#expression(init),
      this.#expression(step),
      this.#expression(invariant),
      witnesses.map((witness) => this.#expression(witness)),
      runs,
      stepsMax,
      1,
    );
    const [error] = outcome.errors;
    if (error !== undefined) throw new Error(`${init}: ${error.code} ${error.message}`);
    return {
      runs: outcome.samples,
      steps: Math.round(outcome.traceStatistics.averageTraceLength * outcome.samples) - outcome.samples,
      witnessed: outcome.witnessingTraces,
      violation:
        outcome.status === "ok"
          ? undefined
          : {
              seed: outcome.bestTraces[0]?.seed ?? seed,
              // The evaluator stands in the state where it stopped.
              broken: stringsIn(evaluator.evaluate(this.#expression(broken)).unwrap()),
            },
    };
  }

  #expression(text: string): QuintEx {
    return toExpr(this.#checked, text)
      .mapLeft(({ code, message }) => new Error(`${text}: ${code} ${message}`))
      .unwrap();
  }
}

function complain({ msg, stage }: { msg: string; stage: { errors: { explanation: string }[] } }): Error {
  return new Error(`${msg}: ${stage.errors.map(({ explanation }) => explanation).join("; ")}`);
}

function stringsIn(set: QuintEx): string[] {
  if (set.kind !== "app") throw new Error(`a set was expected, not ${set.kind}`);
  return set.args.flatMap((element) => (element.kind === "str" ? [element.value] : []));
}
