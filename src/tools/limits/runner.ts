/** Runs experiments: as many rounds as asked for, a line of the table for each row that was chosen. */
import type { Experiment, Row, Sample } from "./experiment.ts";
import { notMeasured, type Outcome, outcomeOf } from "./outcome.ts";

export interface Plan {
  readonly rounds: number;
  readonly isChosen: (row: Row) => boolean;
  /** Says what is going on, for people. */
  readonly say: (text: string) => void;
}

/** The outcomes of the chosen rows. Rejects with the first failure: half a measurement is none. */
export async function runExperiment(experiment: Experiment, plan: Plan): Promise<readonly Outcome[]> {
  const chosen = experiment.rows.filter(plan.isChosen);
  if (chosen.length === 0) return [];
  const { notNow } = experiment;
  if (notNow !== undefined) return chosen.map((row) => notMeasured(row, notNow));
  plan.say(chosen.map(({ name }) => name).join(", "));
  const samples = experiment.rows.map((): Sample[] => []);
  try {
    await experiment.prepare?.();
    for (let index = 0; index < (experiment.rounds ?? plan.rounds); index++) {
      const round = await experiment.round(index);
      for (const [row, sample] of round.entries()) samples[row]?.push(sample);
    }
  } finally {
    await experiment.finish?.();
  }
  return chosen.map((row) => outcomeOf(row, samples[experiment.rows.indexOf(row)] ?? []));
}
