import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { assert, Exit, QdfsError } from "../../base/errors.ts";
import { parseCount } from "../../base/units.ts";
import { QdfsCommand } from "../base-command.ts";
import { LocalCluster } from "../local-cluster.ts";
import { asLocalFailure } from "../local-failure.ts";
import type { Output } from "../output.ts";
import { quorumFor } from "../quorum-flag.ts";
import { retentionArguments, retentionOf, retentionOptions } from "../retention-flags.ts";
import { parseScrubPeriod, scrubPeriodOption } from "../scrub-period-flag.ts";
import type { Ready } from "../serving.ts";
import { takeSignals } from "../signals.ts";

const NODES_DEFAULT = 3;
const NODES_MAX = 32;
const PORT_MAX = 65_000;

export class UpCommand extends QdfsCommand {
  static override paths = [["up"]];
  static override usage = Command.Usage({
    details: `Runs a SuperNode and DataNodes on this machine, as child processes of this command, until Ctrl-C or SIGTERM. They end with it, however
      it ends. The DataNodes listen on --port + 101, + 102 …, or on free ports with --port 0.

      A child that is killed stays dead, so that failures can be tried out, unless --restart-nodes is given.`,
    examples: [
      ["A cluster to try things on, gone afterwards", "$0 up --temp"],
      ["One that stays", "$0 up --data ./my-cluster"],
      ["One that reads and verifies all that it stores every day", "$0 up --data ./my-cluster --scrub-period 24h"],
      ["Five DataNodes on free ports", "$0 up --temp --nodes 5 --port 0 --quorum majority,n=5"],
    ],
  });

  readonly nodes = Option.String("--nodes", { description: `K DataNodes (default: ${NODES_DEFAULT})` });
  readonly port = Option.String("--port", "7000", {
    description: "PORT of the SuperNode; 0: free ports for all (default: 7000)",
  });
  readonly data = Option.String("--data", { description: "DIR where the cluster keeps its data (default: ./qdfs-data)" });
  readonly temp = Option.Boolean("--temp", false, {
    description: "keep the data in a temporary directory and remove it afterwards",
  });
  readonly quorum = Option.String("--quorum", {
    description: "SPEC replicas and quorums, as in n=3,w=2,r=2 (see `qdfs help supernode`)",
  });
  readonly scrubPeriod = scrubPeriodOption();
  readonly adaptiveCalm = Option.String("--adaptive-calm", { description: "DURATION as for `qdfs supernode`" });
  readonly adaptiveDwell = Option.String("--adaptive-dwell", { description: "DURATION as for `qdfs supernode`" });
  readonly restartNodes = Option.Boolean("--restart-nodes", false, { description: "bring a child back that died" });

  readonly tombstoneGrace = retentionOptions.tombstoneGrace();
  readonly orphanAge = retentionOptions.orphanAge();
  readonly keepVersions = retentionOptions.keepVersions();
  readonly keepFor = retentionOptions.keepFor();

  override async run(output: Output): Promise<Exit> {
    const nodes = this.nodes === undefined ? NODES_DEFAULT : parseCount(this.nodes, "--nodes", 1, NODES_MAX);
    const port = parseCount(this.port, "--port", 0, PORT_MAX);
    const quorum = quorumFor(this.quorum, nodes);
    if (this.scrubPeriod !== undefined) parseScrubPeriod(this.scrubPeriod); // now, not in each child
    retentionOf(this); // refused here, before anything is started
    if (this.temp && this.data !== undefined) throw new QdfsError("BAD_USAGE", "--temp and --data exclude each other");
    const stopped = new Promise<void>((resolveStopped) => {
      let signals = 0;
      takeSignals(() => {
        signals += 1;
        if (signals > 1) {
          cluster.kill();
          process.exit(Exit.INTERRUPTED);
        }
        resolveStopped();
      });
    });
    const dataDir = this.makeDataDir();
    const cluster = new LocalCluster({
      nodes,
      port,
      quorum,
      dataDir,
      temporary: this.temp,
      restart: this.restartNodes,
      nodeFlags: this.scrubPeriod === undefined ? [] : ["--scrub-period", this.scrubPeriod],
      retention: retentionArguments(this),
      superFlags: [
        ...(this.adaptiveCalm === undefined ? [] : ["--adaptive-calm", this.adaptiveCalm]),
        ...(this.adaptiveDwell === undefined ? [] : ["--adaptive-dwell", this.adaptiveDwell]),
      ],
      flags: [...(this.verbose ? ["-v"] : []), ...(this.quiet ? ["-q"] : [])],
      say: (text) => output.notice(text),
    });
    try {
      const started = await Promise.race([cluster.start(), stopped]);
      if (started !== undefined) {
        printReady(output, started, dataDir);
        await output.flush();
        await stopped;
      }
    } finally {
      await cluster.stop();
      if (this.temp) rmSync(dataDir, { recursive: true, force: true });
    }
    return Exit.DONE;
  }

  private makeDataDir(): string {
    const wanted = resolve(this.data ?? "qdfs-data");
    try {
      if (this.temp) return mkdtempSync(join(tmpdir(), "qdfs-up-"));
      mkdirSync(wanted, { recursive: true });
      return wanted;
    } catch (error) {
      throw asLocalFailure(error, this.temp ? tmpdir() : wanted);
    }
  }
}

function printReady(output: Output, processes: readonly Ready[], dataDir: string): void {
  const [supernode] = processes;
  assert(supernode !== undefined, "a cluster has a SuperNode");
  const words = [
    `A cluster of 1 SuperNode and ${processes.length - 1} DataNodes serves; its data are in ${dataDir}. Ctrl-C ends it.`,
    ...processes.map(
      ({ id, role, grpc, http, pid }) =>
        `  ${(role === "supernode" ? role : id).padEnd(10)} ${grpc.padEnd(22)} http ${http.padEnd(22)} pid ${pid}`,
    ),
    `  export QDFS_SUPERNODE=${supernode.grpc}`,
  ];
  output.row({ event: "ready", role: "cluster", supernode: supernode.grpc, processes }, words.join("\n"));
}
