import { Command, Option } from "clipanion";
import type { Exit } from "../../base/errors.ts";
import { parseCount } from "../../base/units.ts";
import { logLevel } from "../base-command.ts";
import type { Output } from "../output.ts";
import { readyWords, ServerCommand } from "../server-command.ts";
import { serverRuntime } from "../server-runtime.ts";
import { endWithParent, type Ready, serveUntilStopped } from "../serving.ts";

const PORT_DEFAULT = 7000;
const NODES_MAX = 1_000;

export class SuperNodeCommand extends ServerCommand {
  static override paths = [["supernode"]];
  static override usage = Command.Usage({
    details: `Runs a SuperNode until SIGTERM or SIGINT: it admits DataNodes, says where things live and keeps the catalogue. Files are read and
      written without it.

      SPEC is n=3,w=2,r=2, or majority (the default), read-optimized (r=1, w=n), write-optimized (w=1, r=n), adaptive, each also as
      read-optimized,n=5. R + W must be greater than N. It counts when the cluster is made.

      An adaptive quorum begins as a majority and follows how much is read and written, and who is up; \`qdfs status\` says what it
      would have and why. A running cluster cannot change its quorum yet, so for now it stays with saying so.`,
    examples: [
      ["On this machine", "$0 supernode --port 7000 --data ./super"],
      ["Five copies", "$0 supernode --port 7000 --data ./super --quorum majority,n=5"],
    ],
  });

  readonly quorum = Option.String("--quorum", { description: "SPEC replicas and quorums (default: majority, of 3)" });
  readonly expect = Option.String("--expect", {
    description: "K wait for K DataNodes before the partitions are first assigned (default: n)",
  });

  override async run(output: Output): Promise<Exit> {
    const { parseQuorumSpec } = await import("../../cluster/quorum-spec.ts");
    const quorum = this.quorum === undefined ? undefined : parseQuorumSpec(this.quorum);
    const expect = this.expect === undefined ? undefined : parseCount(this.expect, "--expect", 1, NODES_MAX);
    const listening = this.listening(PORT_DEFAULT);
    const dataDir = this.dataDir();
    const [{ serveSuperNode }, runtime] = await Promise.all([import("../../supernode/serve.ts"), serverRuntime(logLevel(this))]);
    endWithParent(dataDir);
    const server = await serveSuperNode({ ...listening, dataDir, quorum, expect, runtime });
    const ready: Ready = {
      event: "ready",
      role: "supernode",
      id: server.id,
      grpc: server.grpc,
      http: server.http,
      pid: process.pid,
      dataDir,
    };
    return await serveUntilStopped(output, ready, readyWords(ready, `  export QDFS_SUPERNODE=${server.grpc}`), () =>
      server.drain(),
    );
  }
}
