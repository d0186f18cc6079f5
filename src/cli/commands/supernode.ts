import { Command, Option } from "clipanion";
import type { Exit } from "../../base/errors.ts";
import { parseAddresses, parseCount, parseDuration } from "../../base/units.ts";
import { logLevel } from "../base-command.ts";
import type { Output } from "../output.ts";
import { retentionOf, retentionOptions } from "../retention-flags.ts";
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
      read-optimized,n=5. R + W must be greater than N. It counts when the cluster is made;
      \`qdfs quorum set\` changes it afterwards.

      A DataNode that is down keeps its place for --replace-after, then others take it over, if n of them are up. When it is back it is given its
      share anew. One that will never come back need not be waited for: \`qdfs remove --dead\`.

      An adaptive quorum begins as a majority and follows how much is read and written, and who is up; \`qdfs status\` says where it is and why. It does not
      move often, and enters a quorum that needs every replica only when all were up for long: --adaptive-dwell and --adaptive-calm.

      A SuperNode whose directory is lost is made anew with --recover-from and an empty directory: it takes the cluster map from the DataNodes,
      of which all that the map names are asked (any one address leads to them), and the catalogue from their change logs. Of every replica
      set max(N-min(R,W)+1, min(R,W)) DataNodes must answer; until then it waits, says on stderr who is missing, and after --timeout exits with 5.
      The DataNodes follow the new SuperNode from then on, wherever it is; one with the old directory is refused and exits with 8. A directory that
      restore-backup made is completed in the same way when it is first used. A recovery that was begun is to be completed, here or
      elsewhere: who follows the new SuperNode already takes no maps of the old one any more, which an alarm of the old one says.`,
    examples: [
      ["A short-lived trash", "$0 supernode --port 7000 --data ./super --tombstone-grace 1d --keep-versions 3"],
      ["On this machine", "$0 supernode --port 7000 --data ./super"],
      ["Replace a DataNode that is down for an hour, no sooner", "$0 supernode --port 7000 --data ./super --replace-after 1h"],
      ["Five copies", "$0 supernode --port 7000 --data ./super --quorum majority,n=5"],
      ["Its directory is lost", "$0 supernode --port 7000 --data ./super-2 --recover-from 127.0.0.1:7101,127.0.0.1:7102"],
    ],
  });

  readonly quorum = Option.String("--quorum", { description: "SPEC replicas and quorums (default: majority, of 3)" });
  readonly expect = Option.String("--expect", {
    description: "K wait for K DataNodes before the partitions are first assigned (default: n)",
  });

  readonly recoverFrom = Option.String("--recover-from", {
    description: "HOST:PORT[,…] of DataNodes: take the lost state from them, into an empty --data DIR",
  });
  readonly timeout = Option.String("--timeout", {
    description: "DURATION how long a recovery waits for enough DataNodes (default: 1m)",
  });
  readonly tombstoneGrace = retentionOptions.tombstoneGrace();
  readonly orphanAge = retentionOptions.orphanAge();
  readonly keepVersions = retentionOptions.keepVersions();
  readonly keepFor = retentionOptions.keepFor();
  readonly replaceAfter = Option.String("--replace-after", {
    description: "DURATION others take the place of a DataNode that was down for so long; off: never (default: 10m)",
  });
  readonly adaptiveCalm = Option.String("--adaptive-calm", {
    description: "DURATION every replica must have been up before an adaptive quorum needs all of them (default: 5m)",
  });
  readonly adaptiveDwell = Option.String("--adaptive-dwell", {
    description: "DURATION an adaptive quorum rests after a move (default: 1m)",
  });

  override async run(output: Output): Promise<Exit> {
    const { parseQuorumSpec } = await import("../../cluster/quorum-spec.ts");
    const quorum = this.quorum === undefined ? undefined : parseQuorumSpec(this.quorum);
    const expect = this.expect === undefined ? undefined : parseCount(this.expect, "--expect", 1, NODES_MAX);
    const recoverFrom = this.recoverFrom === undefined ? undefined : parseAddresses(this.recoverFrom);
    const recoveryPatienceMs = this.timeout === undefined ? undefined : parseDuration(this.timeout);
    const retention = retentionOf(this);
    const replaceAfterMs = this.#replaceAfterMs();
    const ms = (duration: string | undefined) => (duration === undefined ? undefined : parseDuration(duration));
    const adaptive = { calmMs: ms(this.adaptiveCalm), dwellMs: ms(this.adaptiveDwell) };
    const listening = this.listening(PORT_DEFAULT);
    const dataDir = this.dataDir();
    const [{ serveSuperNode }, runtime] = await Promise.all([import("../../supernode/serve.ts"), serverRuntime(logLevel(this))]);
    endWithParent(dataDir);
    const server = await serveSuperNode({
      ...listening,
      dataDir,
      quorum,
      expect,
      retention,
      replaceAfterMs,
      adaptive,
      recoverFrom,
      recoveryPatienceMs,
      runtime,
    });
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

  /** @throws QdfsError BAD_USAGE */
  #replaceAfterMs(): number | null | undefined {
    if (this.replaceAfter === undefined) return undefined;
    return this.replaceAfter === "off" ? null : parseDuration(this.replaceAfter);
  }
}
