import { Command, Option } from "clipanion";
import { type Exit, QdfsError } from "../../base/errors.ts";
import { PLAN_DEFAULTS, planOf } from "../../bench/plan.ts";
import { ClientCommand } from "../base-command.ts";
import { Parent, serveParent } from "../bench/child.ts";
import { compareFiles } from "../bench/compare.ts";
import { benchRuntime, measure } from "../bench/measure.ts";
import { BENCH_CHILD_ENV } from "../bench/words.ts";
import type { Output } from "../output.ts";

export class BenchCommand extends ClientCommand {
  static override paths = [["bench"]];
  static override usage = Command.Usage({
    category: "Measuring",
    description: "measure puts, gets and listings under load",
    details: `
      Runs one of four kinds of client against the cluster: read-heavy (90 gets to 10 puts), write-heavy (10 to 90), balanced
      (50 to 50), or state-query, which lists all files and then each node's files, and says what it found. Gets and puts choose
      among the run's own files, in a new directory under /bench that stays unless --cleanup is given. Mixes with gets or
      listings write the files first; that is not counted.

      --keys says how a file is chosen: uniform; zipfian, where few files get most operations (YCSB's constant, 0.99); sequential, one after the
      other. --size is one size, a range in which every size is as likely (4KiB-64KiB), or mixed: 25 % of 128 B to 1 KiB, 35 % to 8 KiB, 25 % to 64 KiB, 13 % to 1 MiB
      and 2 % to 16 MiB, median 4.4 KiB, mean 164 KiB, as people's files are.

      The logical clients of a process share one connection to each node; each client keeps --in-flight operations going. --procs spreads the same clients over
      several processes that start together; what they counted is merged, histogram by histogram. When one of them ends early there is no result, and they all end with this command.
      Without --rate an operation starts when a slot is free (closed loop). With --rate operations are due on schedule, and the
      latency of one that had to wait for a slot counts from the moment it was due (open loop).

      Operations due during --warm-up are not counted. --until-stable ends the run when each of the last 5 windows of 2 seconds is within 5 % of their mean throughput, or when --duration
      (then 60s by default) is over; figures are those of the whole run after the warm-up.

      What failed is counted as errors by code and has no part in latencies or rates; an operation whose outcome is unknown is an
      error too, shown beside.

      --check keeps every answer in memory and judges in the end whether an order of the operations explains them all (they are
      linearizable), and whether each listing showed what had been written: ok, violated (exit code 11) or unknown (more operations
      than are kept, or too many orders to try; exit code 6). Every content names the put that wrote it. --history writes what a
      checker needs, the operations that wrote the files first included: \`qdfs check\` judges it, or a checker of yours.

      --json prints the result with its conditions and its course second by second. --compare takes two files of such results and prints each figure's ratio, and by name
      each condition that was not the same; of several results in a file it takes medians. --histogram writes the latencies of each second in HdrHistogram's log format, --html a page with plots.
    `,
    examples: [
      ["What a busy reader sees", "qdfs bench --mix read-heavy --clients 32 --duration 10s"],
      [
        "How many puts of 4 KiB the cluster takes",
        "qdfs bench --only put --clients 1 --in-flight 256 --size 4KiB --files 100000 --warm-up 5s --until-stable",
      ],
      ["… from 16 processes", "qdfs bench --mix balanced --procs 16 --clients 16 --in-flight 4"],
      ["… to one file", "qdfs bench --only put --clients 64 --files 1"],
      ["Latency at a fixed load", "qdfs bench --mix balanced --rate 2000"],
      ["Files as people have them, few of them popular", "qdfs bench --mix read-heavy --keys zipfian --size mixed --files 200"],
      ["A page with plots, and histograms for other tools", "qdfs bench --html run.html --histogram run.hlog"],
      ["Two runs", "qdfs bench --clients 8 --json > a.json; qdfs bench --clients 32 --json > b.json"],
      ["… side by side", "qdfs bench --compare a.json b.json"],
      ["Is what it answers consistent, too?", "qdfs bench --mix balanced --clients 32 --files 100 --check"],
      ["See each operation", "qdfs bench --mix balanced --clients 2 --duration 1s --trace"],
    ],
  });

  readonly mix = Option.String("--mix", {
    description: `MIX read-heavy, write-heavy, balanced or state-query (default: ${PLAN_DEFAULTS.mix})`,
  });
  readonly only = Option.String("--only", { description: "KIND put or get: measure that alone, whatever the mix" });
  readonly clients = Option.String("--clients", {
    description: `C logical clients over all processes (default: ${PLAN_DEFAULTS.clients}, at least one for each process)`,
  });
  readonly inFlight = Option.String("--in-flight", {
    description: `K operations of each client at a time (default: ${PLAN_DEFAULTS.inFlight}, with --rate ${PLAN_DEFAULTS.inFlightOpenLoop})`,
  });
  readonly procs = Option.String("--procs", { description: "K client processes (default: 1, this one)" });
  readonly warmUp = Option.String("--warm-up", { description: "TIME of load that is not counted, before (default: none)" });
  readonly duration = Option.String("--duration", {
    description: `TIME as in 10s or 5m (default: ${PLAN_DEFAULTS.duration}); with --until-stable the most (default: ${PLAN_DEFAULTS.durationUntilStable})`,
  });
  readonly untilStable = Option.Boolean("--until-stable", false, { description: "end when the throughput is level" });
  readonly size = Option.String("--size", {
    description: `SIZE of files: 4KiB, 4KiB-64KiB or mixed (default: ${PLAN_DEFAULTS.size})`,
  });
  readonly files = Option.String("--files", { description: `K distinct files (default: ${PLAN_DEFAULTS.files})` });
  readonly keys = Option.String("--keys", {
    description: `KEYS uniform, zipfian or sequential: which file is next (default: ${PLAN_DEFAULTS.keys})`,
  });
  readonly rate = Option.String("--rate", {
    description: "R operations per second over all clients (default: as many as it takes)",
  });
  readonly trace = Option.Boolean("--trace", false, {
    description: "print each operation: client, operation, file, node, version, result",
  });
  readonly history = Option.String("--history", {
    description: "FILE write each operation to this file as a line of JSON, for a checker",
  });
  readonly histogram = Option.String("--histogram", { description: "FILE write latencies here, as an HdrHistogram log (.hlog)" });
  readonly html = Option.String("--html", { description: "FILE write a page with plots here" });
  readonly check = Option.Boolean("--check", false, { description: "judge whether the answers are linearizable" });
  readonly cleanup = Option.Boolean("--cleanup", false, { description: "delete the files afterwards" });
  readonly compare = Option.Boolean("--compare", false, { description: "measure nothing; compare the results in files A and B" });
  readonly results = Option.Rest({ name: "A B" });

  async run(output: Output): Promise<Exit> {
    if (process.env[BENCH_CHILD_ENV] !== undefined) return await this.#serve(output);
    if (this.compare) return await this.#compare(output);
    if (this.results.length > 0) throw new QdfsError("BAD_USAGE", "bench takes files with --compare only");
    const { mix, only, clients, inFlight, procs, warmUp, duration, untilStable, size, files, keys, rate, cleanup, check, trace } =
      this;
    const plan = planOf({
      ...{ mix, only, clients, inFlight, procs, warmUp, duration, untilStable, size, files, keys, rate, cleanup, check },
      history: this.history !== undefined,
    });
    if (trace && plan.procs > 1) {
      throw new QdfsError("BAD_USAGE", "--trace shows the operations of one process; with --procs, --history has those of all");
    }
    const { history, histogram, html } = this;
    const args = ["--supernode", this.addresses().join(","), ...(this.timeout === undefined ? [] : ["--timeout", this.timeout])];
    return await this.withClient((client) => measure(client, plan, output, { files: { history, histogram, html }, trace, args }));
  }

  /** As a child of another bench. */
  async #serve(output: Output): Promise<Exit> {
    const runtime = benchRuntime();
    const parent = new Parent((word) => output.row(word), runtime);
    return await this.withClient((client) => serveParent(parent, client, runtime, output));
  }

  async #compare(output: Output): Promise<Exit> {
    const [a, b, ...more] = this.results;
    if (a === undefined || b === undefined || more.length > 0) {
      throw new QdfsError("BAD_USAGE", "--compare takes two files of results, as `qdfs bench --json` prints them");
    }
    return await compareFiles(a, b, output);
  }
}
