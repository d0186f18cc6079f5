/** Who measured, and where: what stands beside every figure. */
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { VERSION } from "../../base/version.ts";
import type { Origin } from "../../bench/result.ts";

export function originOf(args: readonly string[]): Origin {
  return {
    version: VERSION,
    command: ["qdfs", ...args.map(quoted)].join(" "),
    machine: {
      cores: availableParallelism(),
      cpu: cpus()[0]?.model.trim() || "unknown processor",
      memoryBytes: totalmem(),
      os: `${type()} ${release()}`,
    },
  };
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
