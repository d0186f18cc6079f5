/** `bun hunt.ts RECIPE SEED SEEDS`: runs seeds until one fails, and says so as a line of JSON; `{"seeds"}` alone when none does. */
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { planOf } from "../../src/sim/plan.ts";
import { simulate } from "../../src/sim/run.ts";

const [recipe = "swarm", first = "1", seeds = "1"] = process.argv.slice(2);
const strays: unknown[] = [];
process.on("unhandledRejection", (error) => void strays.push(error));
let found: object | undefined;
let done = 0;
for (; done < Number(seeds) && found === undefined; done += 1) {
  const seed = Number(first) + done;
  await warmUpChecksums(32);
  const { violations } = simulate(planOf({ seed, recipe }));
  await new Promise((resolve) => setImmediate(resolve));
  const [violation] = violations;
  if (violation !== undefined) found = { seed, of: violation.of, what: violation.what };
  else if (strays.length > 0) found = { seed, of: "bug", what: String(strays[0]) };
}
process.stdout.write(`${JSON.stringify({ seeds: done, ...found })}\n`);
