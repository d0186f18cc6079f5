/** Every row of the table, in its order. */
import type { Experiment } from "./experiment.ts";
import type { Lab } from "./lab.ts";
import { bulkExperiments } from "./rows/bulk.ts";
import { coldStartExperiments } from "./rows/cold-start.ts";
import { contentionExperiments } from "./rows/contention.ts";
import { faultExperiments } from "./rows/faults.ts";
import { floorExperiments } from "./rows/floor.ts";
import { memoryExperiments } from "./rows/memory.ts";
import { millionExperiments } from "./rows/million.ts";
import { treeExperiments } from "./rows/trees.ts";

export function allExperiments(lab: Lab): readonly Experiment[] {
  return [
    ...memoryExperiments(lab),
    ...floorExperiments(lab),
    ...contentionExperiments(lab),
    ...treeExperiments(lab),
    ...coldStartExperiments(lab),
    // Before the large files: what the system writes back of them in its own time holds up the flushes of others.
    ...faultExperiments(lab),
    ...bulkExperiments(lab),
    ...millionExperiments(lab),
  ];
}
