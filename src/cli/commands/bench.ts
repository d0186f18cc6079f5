import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { type Observer, recordOf, traceLine } from "../../bench/observer.ts";
import { type BenchPlan, PLAN_DEFAULTS, planOf } from "../../bench/plan.ts";
import { reportOf } from "../../bench/report.ts";
import { type BenchResult, errorsOf, runBench } from "../../bench/run.ts";
import { historyLine } from "../../check/history-file.ts";
import type { Client } from "../../client/connect.ts";
import type { Runtime } from "../../ports.ts";
import { realRuntime } from "../../runtime/runtime.ts";
import { seededRandom } from "../../runtime/seeded-random.ts";
import { ClientCommand } from "../base-command.ts";
import { benchTargetOf } from "../bench-target.ts";
import { LineFile } from "../line-file.ts";
import type { Output } from "../output.ts";
import { failureOf } from "../verdict.ts";

export class BenchCommand extends ClientCommand {
  static override paths = [["bench"]];
  static override usage = Command.Usage({
    category: "Measuring",
    description: "measure puts, gets and listings under load",
    details: `
      Runs one of four kinds of client against the cluster: read-heavy (90 gets to 10 puts), write-heavy (10 to 90), balanced
      (50 to 50), or state-query, which lists all files and then each node's files, and says what it found. Gets and puts choose
      uniformly among the run's own files, in a new directory under /bench that stays unless --cleanup is given. Mixes with gets or
      listings write the files first; that is not counted.

      All logical clients live in this process and share one connection to each node; each keeps --in-flight operations going.
      Without --rate an operation starts when a slot is free (closed loop). With --rate operations are due on schedule, and the
      latency of one that had to wait for a slot counts from the moment it was due.

      What failed is counted as errors by code and has no part in latencies or rates; an operation whose outcome is unknown is an
      error too, shown beside.

      --check keeps every answer in memory and judges in the end whether an order of the operations explains them all (they are
      linearizable), and whether each listing showed what had been written: ok, violated (exit code 11) or unknown (more operations
      than are kept, or too many orders to try; exit code 6). Every content names the put that wrote it. --history writes what a
      checker needs, the operations that wrote the files first included: \`qdfs check\` judges it, or a checker of yours.
    `,
    examples: [
      ["What a busy reader sees", "qdfs bench --mix read-heavy --clients 32 --duration 10s"],
      [
        "How many puts of 4 KiB the cluster takes",
        "qdfs bench --only put --clients 1 --in-flight 256 --size 4KiB --files 100000",
      ],
      ["Latency at a fixed load", "qdfs bench --mix balanced --rate 2000"],
      ["Is what it answers consistent, too?", "qdfs bench --mix balanced --clients 32 --files 100 --check"],
      ["See each operation", "qdfs bench --mix balanced --clients 2 --duration 1s --trace"],
    ],
  });

  readonly mix = Option.String("--mix", {
    description: `MIX read-heavy, write-heavy, balanced or state-query (default: ${PLAN_DEFAULTS.mix})`,
  });
  readonly only = Option.String("--only", { description: "KIND put or get: measure that alone, whatever the mix" });
  readonly clients = Option.String("--clients", { description: `C logical clients (default: ${PLAN_DEFAULTS.clients})` });
  readonly inFlight = Option.String("--in-flight", {
    description: `K operations of each client at a time (default: ${PLAN_DEFAULTS.inFlight}, with --rate ${PLAN_DEFAULTS.inFlightOpenLoop})`,
  });
  readonly duration = Option.String("--duration", { description: `TIME as in 10s or 5m (default: ${PLAN_DEFAULTS.duration})` });
  readonly size = Option.String("--size", { description: `SIZE of every file (default: ${PLAN_DEFAULTS.size})` });
  readonly files = Option.String("--files", { description: `K distinct files (default: ${PLAN_DEFAULTS.files})` });
  readonly rate = Option.String("--rate", {
    description: "R operations per second over all clients (default: as many as it takes)",
  });
  readonly trace = Option.Boolean("--trace", false, {
    description: "print each operation: client, operation, file, node, version, result",
  });
  readonly history = Option.String("--history", {
    description: "FILE write each operation to this file as a line of JSON, for a checker",
  });
  readonly check = Option.Boolean("--check", false, { description: "judge whether the answers are linearizable" });
  readonly cleanup = Option.Boolean("--cleanup", false, { description: "delete the files afterwards" });

  async run(output: Output): Promise<Exit> {
    const { mix, only, clients, inFlight, duration, size, files, rate, cleanup, check } = this;
    const plan = planOf({
      mix,
      only,
      clients,
      inFlight,
      duration,
      size,
      files,
      rate,
      cleanup,
      check,
      history: this.history !== undefined,
    });
    const history = this.history === undefined ? undefined : new LineFile(this.history);
    try {
      return await this.withClient((client) => this.#measure(client, plan, output, history));
    } finally {
      history?.close();
    }
  }

  async #measure(client: Client, plan: BenchPlan, output: Output, history: LineFile | undefined): Promise<Exit> {
    const real = realRuntime();
    // Two draws an operation: a generator in memory, not the system's.
    const runtime: Runtime = { ...real, random: seededRandom(real.random.unit() * Number.MAX_SAFE_INTEGER) };
    let interrupted = false;
    const interrupt = () => {
      interrupted = true;
    };
    process.once("SIGINT", interrupt);
    try {
      const result = await runBench(benchTargetOf(client), plan, runtime, {
        observer: this.#observer(output, history),
        progress: (text) => output.notice(text),
        stopped: () => interrupted,
      });
      output.row(result, ["", ...reportOf(result)].join("\n"));
      const failure = result.check === undefined ? undefined : failureOf(result.check);
      if (failure !== undefined) throw failure;
      return interrupted ? Exit.INTERRUPTED : exitOf(result);
    } finally {
      process.off("SIGINT", interrupt);
    }
  }

  /** Undefined when nobody wants to see single operations: then none is described. */
  #observer(output: Output, history: LineFile | undefined): Observer | undefined {
    if (!this.trace && history === undefined) return undefined;
    return {
      operation: (operation) => {
        if (this.trace) output.row({ event: "operation", ...operation }, traceLine(operation));
        const recorded = history === undefined ? undefined : recordOf(operation);
        if (recorded !== undefined) history?.write(historyLine(recorded));
      },
    };
  }
}

/** Errors beside successes are a measurement; nothing but errors is a cluster that is not there. */
function exitOf(result: BenchResult): Exit {
  const done = Object.values(result.operations).reduce((sum, { count }) => sum + count, 0);
  return done === 0 && errorsOf(result) > 0 ? Exit.UNAVAILABLE : Exit.DONE;
}
