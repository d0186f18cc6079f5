/** The processes of `qdfs up`: starting them in order, waiting until all serve, bringing back, ending in order. */
import { join } from "node:path";
import { messageOf, QdfsError } from "../base/errors.ts";
import type { Client } from "../client/connect.ts";
import { CLUSTER_START_MS } from "../limits.ts";
import { NodeState } from "../wire/messages.ts";
import { ChildServer } from "./child-server.ts";
import type { Ready } from "./serving.ts";

/** The first DataNode's port is this much above the SuperNode's. */
const NODE_PORT_OFFSET = 101;
const POLL_MS = 50;
const RESTART_PAUSE_MS = 500;

export interface LocalClusterOptions {
  readonly nodes: number;
  /** The SuperNode's; 0: free ports for all. */
  readonly port: number;
  /** Undefined: the SuperNode's default. */
  readonly quorum: string | undefined;
  /** Arguments of the SuperNode about what is kept for how long. */
  readonly retention?: readonly string[];
  readonly dataDir: string;
  readonly temporary: boolean;
  readonly restart: boolean;
  /** Passed on to every DataNode. */
  readonly nodeFlags: readonly string[];
  /** Passed on to the SuperNode. */
  readonly superFlags: readonly string[];
  /** Passed on to every server. */
  readonly flags: readonly string[];
  readonly say: (text: string) => void;
}

export class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #supernode: ChildServer;
  #nodes: readonly ChildServer[] = [];
  #stopping = false;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    const { port, nodes, quorum, superFlags, retention = [] } = options;
    const asked = quorum === undefined ? [] : ["--quorum", quorum];
    const args = ["--expect", String(nodes), ...asked, ...superFlags, ...retention];
    this.#supernode = this.#child("supernode", "supernode", port, "super", args);
  }

  /**
   * Starts everything; resolves when all DataNodes serve. The SuperNode comes first.
   * @throws QdfsError what the first child that failed said; CLUSTER_WAITING when it takes longer than CLUSTER_START_MS
   */
  async start(): Promise<readonly Ready[]> {
    const supernode = await this.#supernode.start();
    const { nodes, port } = this.#options;
    this.#nodes = Array.from({ length: nodes }, (_, index) => {
      const name = `dn${index + 1}`;
      const own = port === 0 ? 0 : port + NODE_PORT_OFFSET + index;
      return this.#child("datanode", name, own, name, ["--supernode", supernode.grpc, ...this.#options.nodeFlags]);
    });
    const ready: Ready[] = [supernode];
    // The first one alone, so that nodes have the numbers of their ports and directories.
    for (const node of this.#nodes) ready.push(await node.start());
    await this.#allServe(supernode.grpc);
    return ready;
  }

  /** DataNodes drain first: they report to the SuperNode what they still finish. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#supernode.stop();
  }

  kill(): void {
    this.#stopping = true;
    for (const child of [...this.#nodes, this.#supernode]) void child.kill();
  }

  #child(role: "supernode" | "datanode", name: string, port: number, directory: string, args: readonly string[]): ChildServer {
    const { dataDir, temporary, flags, say } = this.#options;
    return new ChildServer({
      role,
      name,
      port,
      args: ["--data", join(dataDir, directory), ...args, ...flags],
      samePorts: true,
      parent: temporary ? "temporary" : "kept",
      say,
      onDeath: (child, how) => this.#died(child, how),
    });
  }

  #died(child: ChildServer, how: string): void {
    if (this.#stopping) return;
    this.#options.say(
      `${child.name} ended (${how})${this.#options.restart ? "; bringing it back" : "; it stays dead (--restart-nodes brings nodes back)"}`,
    );
    if (this.#options.restart) setTimeout(() => void this.#bringBack(child), RESTART_PAUSE_MS);
  }

  async #bringBack(child: ChildServer): Promise<void> {
    if (this.#stopping) return;
    try {
      const ready = await child.start();
      this.#options.say(`${child.name} is back (pid ${ready.pid})`);
    } catch (error) {
      this.#died(child, messageOf(error));
    }
  }

  async #allServe(supernode: string): Promise<void> {
    const deadlineMs = performance.now() + CLUSTER_START_MS;
    const { connect } = await import("../client/connect.ts");
    const client = await connect({ addresses: [supernode] });
    try {
      for (;;) {
        const waitingFor = this.#stopping ? undefined : await this.#whatIsMissing(client);
        if (waitingFor === undefined) return;
        if (performance.now() > deadlineMs) {
          throw new QdfsError("CLUSTER_WAITING", `the cluster does not serve after ${CLUSTER_START_MS / 1000} s: ${waitingFor}`);
        }
        await Bun.sleep(POLL_MS);
      }
    } finally {
      await client.close();
    }
  }

  /** In words; undefined when all DataNodes serve. */
  async #whatIsMissing(client: Client): Promise<string | undefined> {
    try {
      const { nodes, state, waitingFor } = await client.status();
      const up = nodes.filter(({ node }) => node.state === NodeState.UP).length;
      if (state !== "unavailable" && up >= this.#options.nodes) {
        if (state !== "ok") this.#options.say(`the cluster is ${state}: \`qdfs status\` says why`);
        return undefined;
      }
      return waitingFor || `${up} of ${this.#options.nodes} DataNodes are up, the cluster is ${state}`;
    } catch (error) {
      if (error instanceof QdfsError && error.retry === "later") return error.message;
      throw error;
    }
  }
}
