/**
 * `npm run bench:limits`: how far the compiled executable is from what this machine allows. Every row is a ratio, ours and a
 * reference measured in turn in one run; absolute figures mean little on machines that are shared. Whatever happens, every
 * process is ended and every file removed.
 */
import { existsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { codeOf, Exit, messageOf } from "../../base/errors.ts";
import { formatDuration, formatSize } from "../../base/units.ts";
import { allExperiments } from "./experiments.ts";
import { type Flags, parseFlags, USAGE } from "./flags.ts";
import { Lab } from "./lab.ts";
import type { Outcome } from "./outcome.ts";
import { jsonLine, tableOf } from "./report.ts";
import { runExperiment } from "./runner.ts";

const REPOSITORY = resolve(import.meta.dir, "../../..");
const BINARY = process.env.QDFS_BIN ?? join(REPOSITORY, "dist/qdfs");

/** What then fails fails because its processes were ended. */
let interrupted = false;

async function main(flags: Flags): Promise<void> {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`npm run build\` first`);
  const lab = new Lab(BINARY, flags);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupted = true;
      void lab.close().finally(() => process.exit(Exit.INTERRUPTED));
    });
  }
  const began = performance.now();
  const say = (text: string) => {
    const elapsed = `${Math.round((performance.now() - began) / 1000)} s`;
    process.stderr.write(`${elapsed.padStart(6)}  ${text}\n`);
  };
  const isChosen = ({ name }: { readonly name: string }) =>
    flags.only.length === 0 || flags.only.some((part) => name.includes(part));
  try {
    const experiments = allExperiments(lab);
    if (flags.list) return print(experiments.flatMap(({ rows }) => rows.map(({ name }) => name)));
    const outcomes: Outcome[] = [];
    for (const experiment of experiments) {
      const done = await runExperiment(experiment, { rounds: flags.rounds, isChosen, say });
      if (flags.json) print(done.map(jsonLine));
      outcomes.push(...done);
    }
    if (outcomes.length === 0) throw new Error("no row has such a name; --list shows them");
    if (!flags.json) print([...conditions(flags, performance.now() - began), "", ...tableOf(outcomes)]);
  } finally {
    await lab.close();
  }
}

function conditions({ rounds }: Flags, tookMs: number): readonly string[] {
  return [
    `${availableParallelism()} cores, ${formatSize(totalmem())} of memory, ${process.platform} ${process.arch}; everything on this machine; N=3 W=2 R=2, every put flushed`,
    `medians of ${rounds} alternating rounds (longest puts: the worst); ${new Date().toISOString().slice(0, 16)}Z, ${formatDuration(tookMs)}`,
  ];
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

try {
  await main(parseFlags(process.argv.slice(2)));
} catch (error) {
  if (interrupted) process.exit(Exit.INTERRUPTED);
  const misused = error instanceof TypeError || codeOf(error) === "BAD_USAGE";
  process.stderr.write(`bench:limits: ${messageOf(error)}${misused ? `\n${USAGE}` : ""}\n`);
  process.exit(misused ? Exit.USAGE : Exit.BUG);
}
process.exit(Exit.DONE);
