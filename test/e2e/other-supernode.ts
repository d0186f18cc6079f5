/** A second SuperNode process beside a cluster's own. */
import { join } from "node:path";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { ServerProcess } from "../../src/tools/server-process.ts";
import { BINARY } from "./harness.ts";

/** Another SuperNode, on a directory of its own. Ended with the scope. */
export class OtherSuperNode extends ServerProcess {
  readonly dir: string;

  /** `args`: without --port it gets a free one. */
  constructor(cluster: LocalCluster, name: string, ...args: readonly string[]) {
    const dir = join(cluster.dir, name);
    const listening = (port: string) => (args.includes("--port") ? [] : ["--port", port]);
    const all = (port: string) => [...listening(port), "--http-port", "0", "--data", dir, ...args];
    super(BINARY, "supernode", all, dir, cluster.env);
    this.dir = dir;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
