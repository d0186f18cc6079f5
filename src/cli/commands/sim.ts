import { Command, Option } from "clipanion";
import { Exit, messageOf, QdfsError } from "../../base/errors.ts";
import type { Failure, SweepPorts, SweepResult } from "../../sim/sweep.ts";
import { QdfsCommand } from "../base-command.ts";
import type { Output } from "../output.ts";

/** Lines of a trace that are shown of a failure; --trace shows all. */
const TRACE_LINES_SHOWN = 60;
const PROGRESS_EVERY_MS = 5_000;
const NUMBER_MAX = 1e9;

export class SimCommand extends QdfsCommand {
  static override paths = [["sim"]];
  static override usage = Command.Usage({
    category: "Measuring",
    description: "simulate whole clusters under faults, and check what is promised",
    details: `
      Runs a whole cluster (SuperNode, DataNodes, clients, their disks, clocks and network) in this process and in virtual time:
      the same code that serves, over simulated ports. A seed decides everything, so the same seed gives the same run, to the byte.
      Faults come from a recipe; every operation is recorded, and the history of each file is judged for linearizability. At every
      commit and answer, and at the end, the invariants that ARCHITECTURE.md numbers are checked, and that once the faults are over
      everything ends and all replicas and listings agree.

      A failing seed is run again with fewer operations, faults, clients and nodes; what is left is shown with the command that
      replays it. Exit code 11 says that something was violated.

      Recipes: swarm (the default: some of everything), calm, hot, duels, lossy, partitions, crashes, disks, wipe, clocks, clients,
      supernode, grow, shrink, quorum (N, R and W change under load), flap, members (the last four at once), recovery, grow-recovery, rot,
      divergence; all takes them in turn.
    `,
    examples: [
      ["One seed, told step by step", "qdfs sim --seed 7 --trace"],
      ["A thousand seeds of everything", "qdfs sim --seed 1 --seeds 1000 --recipe all"],
      ["Many writers of one file among crashes, small enough to read", "qdfs sim --seed 3 --recipe hot --ops 12 --trace"],
      ["A failure again, without most of its faults", "qdfs sim --seed 7 --faults 1,4 --ops 30"],
    ],
  });

  readonly seed = Option.String("--seed", { description: "N the first seed (default: 1)" });
  readonly seeds = Option.String("--seeds", { description: "K how many seeds (default: 1)" });
  readonly recipe = Option.String("--recipe", { description: "NAME which faults (default: swarm)" });
  readonly nodes = Option.String("--nodes", { description: "K DataNodes (default: as the seed says)" });
  readonly operations = Option.String("--ops", { description: "K only the first K operations (default: 100)" });
  readonly faults = Option.String("--faults", {
    description: "A,B,… only these of the seed's faults, by number; none: no fault",
  });
  readonly clients = Option.String("--clients", { description: "A,B,… only these of the seed's clients, by number" });
  readonly trace = Option.Boolean("--trace", false, { description: "tell what happens, step by step" });

  async run(output: Output): Promise<Exit> {
    const { sweep } = await import("../../sim/sweep.ts");
    const { realRuntime } = await import("../../runtime/runtime.ts");
    const { clock } = realRuntime("quiet");
    const strays = new Strays();
    let interrupted = false;
    const interrupt = () => {
      interrupted = true;
    };
    process.once("SIGINT", interrupt);
    let shownMs = clock.monotonicMs();
    const ports: SweepPorts = {
      clock,
      cpuMs: () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1_000;
      },
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      strays: () => strays.take(),
      stopped: () => interrupted,
      onFailure: (failure) => this.#show(failure, output),
      onRun: ({ seed }, { trace, digest }, done) => {
        if (this.trace) for (const line of trace) output.row({ event: "trace", seed, line }, line);
        if (this.trace) output.row({ event: "digest", seed, digest }, `seed ${seed}: digest ${digest}`);
        if (clock.monotonicMs() - shownMs < PROGRESS_EVERY_MS) return;
        shownMs = clock.monotonicMs();
        output.notice(`${done} seeds done`);
      },
    };
    try {
      const result = await sweep(
        {
          seed: numberOf("--seed", this.seed) ?? 1,
          seeds: numberOf("--seeds", this.seeds, 1) ?? 1,
          recipe: this.recipe,
          nodes: numberOf("--nodes", this.nodes),
          operations: numberOf("--ops", this.operations, 1),
          faults: numbersOf("--faults", this.faults),
          clients: numbersOf("--clients", this.clients),
          keepTrace: this.trace,
        },
        ports,
      );
      output.row(result, summaryOf(result));
      if (result.violations > 0) return Exit.VIOLATION;
      return interrupted ? Exit.INTERRUPTED : Exit.DONE;
    } finally {
      strays.end();
      process.off("SIGINT", interrupt);
    }
  }

  #show({ seed, recipe, violations, shortest, trace, replay }: Failure, output: Output): void {
    const found = (all: readonly { readonly of: string; readonly what: string }[]) =>
      all.map(({ of, what }) => `  ${of}: ${what}`);
    const lines = [
      `seed ${seed} (recipe ${recipe}) violates what is promised:`,
      ...found(violations),
      "the shortest run found:",
      ...found(shortest),
      ...(trace.length > TRACE_LINES_SHOWN ? [`  … ${trace.length - TRACE_LINES_SHOWN} lines before`] : []),
      ...trace.slice(-TRACE_LINES_SHOWN).map((line) => `  ${line}`),
      `again: ${replay} --trace`,
    ];
    output.row({ event: "violation", seed, recipe, violations, shortest, replay }, lines.join("\n"));
  }
}

/** Errors of promises that nobody waits for: bugs, which belong to the run that they came from. */
class Strays {
  #errors: unknown[] = [];
  readonly #note = (error: unknown): void => void this.#errors.push(error);

  constructor() {
    process.on("unhandledRejection", this.#note);
  }

  take(): readonly unknown[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors.map((error) => new Error(messageOf(error)));
  }

  end(): void {
    process.off("unhandledRejection", this.#note);
  }
}

function summaryOf({
  seeds,
  violations,
  opsChecked,
  faults,
  virtualSec,
  elapsedMs,
  runsPerMinute,
  runsPerCpuMinute,
  digest,
}: SweepResult): string {
  const kinds = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  const injected = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return [
    `${seeds} seeds, ${violations === 0 ? "no violation" : `${violations} with a violation`}`,
    `${opsChecked} operations checked, ${injected} faults${kinds.length > 0 ? ` (${kinds.join(", ")})` : ""}`,
    `${virtualSec} s of virtual time in ${(elapsedMs / 1_000).toFixed(1)} s: ${runsPerMinute} runs per minute, ${runsPerCpuMinute} per processor minute; digest ${digest}`,
  ].join("\n");
}

/** @throws QdfsError BAD_USAGE */
function numberOf(flag: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= NUMBER_MAX) return Number(text);
  throw new QdfsError(
    "BAD_USAGE",
    `${flag} takes a whole number${least > 0 ? ` from ${least}` : ""}, not ${JSON.stringify(text)}`,
  );
}

/** @throws QdfsError BAD_USAGE */
function numbersOf(flag: string, text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  if (text === "none") return [];
  return text.split(",").map((part) => numberOf(flag, part) ?? 0);
}
