import { Command, Option } from "clipanion";
import { type Exit, QdfsError } from "../../base/errors.ts";
import { isZone, parseAddresses, parseCount, parseSize } from "../../base/units.ts";
import { NODE_WEIGHT_MAX, SCRUB_PERIOD_MS, ZONE_CHARS_MAX } from "../../limits.ts";
import { DEFAULT_SUPERNODE, logLevel } from "../base-command.ts";
import type { Output } from "../output.ts";
import { parseScrubPeriod, scrubPeriodOption } from "../scrub-period-flag.ts";
import { parseAdvertised, readyWords, ServerCommand } from "../server-command.ts";
import { serverRuntime } from "../server-runtime.ts";
import { endWithParent, type Ready, serveUntilStopped } from "../serving.ts";

const PORT_DEFAULT = 7101;

export class DataNodeCommand extends ServerCommand {
  static override paths = [["datanode"]];
  static override usage = Command.Usage({
    details: `Runs a DataNode until SIGTERM or SIGINT. It joins the cluster of its SuperNode and stays a member: started again with the same --data
      it serves even while the SuperNode is away.`,
    examples: [
      ["On this machine", "$0 datanode --port 7101 --data ./dn1 --supernode 127.0.0.1:7000"],
      [
        "In another rack, with twice the share",
        "$0 datanode --port 7102 --data ./dn2 --supernode 127.0.0.1:7000 --zone rack2 --weight 2",
      ],
      [
        "Behind a proxy or NAT that forwards to the two ports",
        "$0 datanode --port 7101 --data ./dn1 --supernode 127.0.0.1:7000 --advertise node1.example:7101 --advertise-http node1.example:7181",
      ],
    ],
  });

  readonly supernode = Option.String("--supernode", {
    description: `HOST:PORT[,…] of the SuperNodes (default: QDFS_SUPERNODE, then ${DEFAULT_SUPERNODE})`,
  });
  readonly zone = Option.String("--zone", "", { description: "Z replicas of a file are spread over zones" });
  readonly weight = Option.String("--weight", "1", {
    description: "W share of the files relative to other DataNodes (default: 1)",
  });
  readonly capacity = Option.String("--capacity", {
    description: "SIZE how much it may store, as in 100GiB (default: what the disk has)",
  });
  readonly scrubPeriod = scrubPeriodOption();

  readonly advertiseHttp = Option.String("--advertise-http", { description: "HOST:PORT as --advertise, for the HTTP port" });

  override async run(output: Output): Promise<Exit> {
    const supernodes = parseAddresses(this.supernode ?? (process.env.QDFS_SUPERNODE || DEFAULT_SUPERNODE));
    const weight = parseCount(this.weight, "--weight", 1, NODE_WEIGHT_MAX);
    if (!isZone(this.zone))
      throw new QdfsError("BAD_USAGE", `--zone takes at most ${ZONE_CHARS_MAX} characters, and no control characters`);
    // 0: as much as the disk has.
    const capacityBytes = this.capacity === undefined ? 0 : parseSize(this.capacity);
    const listening = { ...this.listening(PORT_DEFAULT), advertiseHttp: parseAdvertised(this.advertiseHttp) };
    const scrubPeriodMs = this.scrubPeriod === undefined ? SCRUB_PERIOD_MS : parseScrubPeriod(this.scrubPeriod);
    const dataDir = this.dataDir();
    const [{ serveDataNode }, runtime] = await Promise.all([import("../../datanode/serve.ts"), serverRuntime(logLevel(this))]);
    endWithParent(dataDir);
    const own = { zone: this.zone, weight, capacityBytes, scrubPeriodMs };
    const server = await serveDataNode({ ...listening, ...own, dataDir, supernodes, runtime });
    const ready: Ready = {
      event: "ready",
      role: "datanode",
      id: server.id,
      grpc: server.grpc,
      http: server.http,
      pid: process.pid,
      dataDir,
    };
    return await serveUntilStopped(output, ready, readyWords(ready, `  member of the cluster at ${supernodes.join(",")}`), () =>
      server.drain(),
    );
  }
}
