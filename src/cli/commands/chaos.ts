import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { FAULTS } from "../../chaos/faults.ts";
import { type ChaosPlan, chaosPlanOf, PLAN_DEFAULTS } from "../../chaos/plan.ts";
import { reportOf } from "../../chaos/report.ts";
import { QdfsCommand } from "../base-command.ts";
import { isMoved, moveToOwnNamespaces } from "../chaos/own-namespaces.ts";
import { asLocalFailure } from "../local-failure.ts";
import type { Output } from "../output.ts";
import { quorumFor } from "../quorum-flag.ts";
import { takeSignals } from "../signals.ts";

export class ChaosCommand extends QdfsCommand {
  static override paths = [["chaos"]];
  static override usage = Command.Usage({
    details: `Starts a cluster of its own on this machine, puts load on it and faults into it, and judges whether every answer was right: the history of
      every file must be linearizable, every acknowledged put must be there with its bytes, what failed for certain must be nowhere,
      and the final listing must agree with the final reads. Exit code 11 when something is not.

      The faults: ${Object.entries(FAULTS)
        .map(([kind, words]) => `${kind} (${words})`)
        .join("; ")}.

      Faults go beyond what a quorum survives in availability, never in durability: stored bytes are damaged on at most N - W nodes, and fewer than W. The
      seed decides which faults come when; how processes meet them in time differs from run to run.

      After a violation the data, the servers' words and the history stay in the directory that is named at the end.`,
    examples: [
      ["A minute of it", "$0 chaos --duration 60s"],
      [
        "The same faults again, nodes that die and nothing else",
        "$0 chaos --seed 7 --duration 30s --faults kill,kill-supernode,kill-all",
      ],
      [
        "Five nodes, more load, the result for a script",
        "$0 chaos --duration 2m --nodes 5 --quorum majority,n=5 --rate 200 --json",
      ],
      ["Keep the history, to look at it or judge it elsewhere with `qdfs check`", "$0 chaos --duration 10s --keep"],
    ],
  });

  readonly duration = Option.String("--duration", {
    description: `TIME how long faults are made (default: ${PLAN_DEFAULTS.duration})`,
  });
  readonly seed = Option.String("--seed", { description: "N what the faults follow from (default: drawn, and printed)" });
  readonly nodes = Option.String("--nodes", { description: `K DataNodes (default: ${PLAN_DEFAULTS.nodes})` });
  readonly quorum = Option.String("--quorum", { description: "SPEC as of `qdfs supernode` (default: majority)" });
  readonly faults = Option.String("--faults", {
    description: `LIST of ${Object.keys(FAULTS).join(",")} (default: all but database-rot)`,
  });
  readonly clients = Option.String("--clients", { description: `C logical clients (default: ${PLAN_DEFAULTS.clients})` });
  readonly rate = Option.String("--rate", {
    description: `R operations per second over all clients (default: ${PLAN_DEFAULTS.rate})`,
  });
  readonly network = Option.String("--network", {
    description:
      "KIND namespaces (each server in one of its own: packets are lost) or proxies (bytes are held back; delay and reset too) (default: namespaces where the machine allows them and --faults names nothing else)",
  });
  readonly keep = Option.Boolean("--keep", false, { description: "keep the data and the history though nothing was wrong" });

  override async run(output: Output): Promise<Exit> {
    const asProxies = this.#chooseNetwork();
    if (asProxies !== "") output.notice(`links are cut by proxies: ${asProxies}`);
    const { realRuntime } = await import("../../runtime/runtime.ts");
    const asked = chaosPlanOf(this, Math.floor(realRuntime().random.unit() * 2 ** 31));
    const plan = { ...asked, quorum: quorumFor(asked.quorum, asked.nodes) };
    const dir = makeDirectory();
    let failed = true;
    try {
      const exit = await this.#runIn(dir, plan, output);
      failed = false;
      return exit;
    } finally {
      if (failed || this.keep) sayKept(output, dir, plan);
      else rmSync(dir, { recursive: true, force: true });
    }
  }

  /** Moves the run into namespaces, if that is wanted and possible; else why it was not, empty when it was not wanted. */
  #chooseNetwork(): string {
    if (isMoved()) return "";
    const { network, faults = "" } = this;
    if (network !== undefined && network !== "namespaces" && network !== "proxies")
      throw new QdfsError("BAD_USAGE", `--network takes namespaces or proxies, not ${JSON.stringify(network)}`);
    if (network === "proxies") return "";
    if (network === undefined && /\b(delay|reset)\b/.test(faults)) return "";
    const refused = moveToOwnNamespaces();
    if (network === "namespaces")
      throw new QdfsError("BAD_USAGE", `no namespaces can be made here: ${refused}; --network proxies needs none`);
    return refused;
  }

  async #runIn(dir: string, plan: ChaosPlan, output: Output): Promise<Exit> {
    const { ChaosRun } = await import("../chaos/chaos-run.ts");
    using run = new ChaosRun(dir, plan, (line) => output.notice(line));
    let interrupted = false;
    takeSignals(() => {
      if (interrupted) process.exit(Exit.INTERRUPTED); // the children end with this process
      interrupted = true;
      run.stop();
    });
    const result = await run.run();
    output.row(result, ["", ...reportOf(result)].join("\n"));
    const { verdict, violations, filesGivenUp } = result.check;
    if (verdict === "violated") throw new QdfsError("VIOLATION", violations[0]?.split("\n", 1)[0] ?? "");
    if (interrupted) return Exit.INTERRUPTED;
    if (verdict === "unknown")
      throw new QdfsError("UNDECIDED", `no violation was found, but the checker gave up on ${filesGivenUp} files`);
    return Exit.DONE;
  }
}

function sayKept(output: Output, dir: string, { seed }: ChaosPlan): void {
  output.notice(
    [
      `kept: ${dir} (data, servers.log, history.ndjson)`,
      `  to judge its history again: qdfs check ${join(dir, "history.ndjson")}`,
      `  for the same faults again:  qdfs chaos --seed ${seed}, and the other flags as before`,
    ].join("\n"),
  );
}

function makeDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), "qdfs-chaos-"));
  } catch (error) {
    throw asLocalFailure(error, tmpdir());
  }
}
