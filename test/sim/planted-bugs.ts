/**
 * Classic mistakes, each a small change of the text of a production source: what the simulator is measured by. The sources
 * know nothing of them: plant.ts changes one while it is loaded, in a process of its own.
 */
import { FEW_PROMISES, NO_NEXT_PROMISES, type PlantedBug, SHORT_WINDOW } from "./planted-bug.ts";
import { GARBAGE_BUGS } from "./planted-garbage-bugs.ts";
import { MEMBERSHIP_BUGS } from "./planted-membership-bugs.ts";
import { REGISTER_BUGS } from "./planted-register-bugs.ts";
import { REPAIR_BUGS } from "./planted-repair-bugs.ts";

/** Changes that must change nothing of what is promised. */
export const HARMLESS: readonly PlantedBug[] = [
  { name: "few-promises", wrong: "nothing: the promise table is small", edits: [FEW_PROMISES], recipe: "hot", seed: 1 },
  {
    name: "no-next-promises",
    wrong: "nothing: each change of a file does phase 1",
    edits: [NO_NEXT_PROMISES],
    recipe: "hot",
    seed: 1,
  },
  {
    name: "few-promises-while-growing",
    wrong: "nothing: the promise table is small",
    edits: [FEW_PROMISES],
    recipe: "grow",
    seed: 1,
  },
  { name: "short-window", wrong: "nothing: heads remember few operations", edits: [SHORT_WINDOW], recipe: "hot", seed: 1 },
];

export const PLANTED_BUGS: readonly PlantedBug[] = [...REGISTER_BUGS, ...REPAIR_BUGS, ...GARBAGE_BUGS, ...MEMBERSHIP_BUGS];
