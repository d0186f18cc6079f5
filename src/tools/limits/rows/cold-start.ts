/** From start to exit of a command, against the runtime's own empty program. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../experiment.ts";
import type { Lab } from "../lab.ts";

/** Each takes milliseconds. */
const ROUNDS = 31;
const TARGET = 1.3;
const PATH = "/cold/start.txt";

export function coldStartExperiments(lab: Lab): readonly Experiment[] {
  const empty = join(lab.dir, "empty");
  return [
    {
      rows: [
        { name: "cold start of qdfs --help", unit: "ms, empty program", target: TARGET, lowerIsBetter: true },
        { name: "cold start of qdfs stat", unit: "ms, empty program", target: TARGET, lowerIsBetter: true },
      ],
      rounds: ROUNDS,
      prepare: async () => {
        compileEmpty(empty);
        await (await lab.product()).run("put", empty, PATH, "-q");
      },
      round: async () => {
        const { env } = await lab.product();
        const reference = startMs([empty], env);
        const help = startMs([lab.binary, "--help"], env);
        const stat = startMs([lab.binary, "stat", PATH], env);
        return [
          { ours: help, reference },
          { ours: stat, reference },
        ];
      },
    },
  ];
}

/** What `bun build --compile` makes of an empty file. */
function compileEmpty(target: string): void {
  const source = `${target}.ts`;
  writeFileSync(source, "");
  const built = Bun.spawnSync([process.execPath, "build", "--compile", source, "--outfile", target], { stderr: "pipe" });
  if (built.exitCode !== 0) throw new Error(`bun build: ${built.stderr.toString()}`);
}

function startMs(command: readonly string[], env: Readonly<Record<string, string>>): number {
  const beganMs = performance.now();
  const { exitCode } = Bun.spawnSync([...command], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env });
  const tookMs = performance.now() - beganMs;
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: exit ${exitCode}`);
  return tookMs;
}
