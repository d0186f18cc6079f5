/**
 * A real cluster on this machine, seen from outside: server processes of one executable, signals, and commands as a user would
 * type them. For the demo and the end-to-end tests.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandOptions, type CommandResult, runCommand } from "./run-command.ts";
import { ServerProcess } from "./server-process.ts";

/** The members of `qdfs status --json` that are waited for. */
export interface ClusterStatus {
  readonly state: "ok" | "degraded" | "unavailable";
  readonly files: number;
  readonly nodes: readonly {
    readonly id: string;
    readonly state: string;
    readonly standing: string;
    readonly partitions: number;
    readonly files: number;
    readonly leads: number;
  }[];
  readonly rebalance: { readonly moving: number; readonly waitsFor: readonly string[] } | null;
  readonly alarms: readonly string[];
  readonly garbage: {
    readonly tombstones: number;
    readonly orphanChunks: number;
    readonly collectedChunks: number;
    readonly waitsFor: string;
  } | null;
  readonly quorum: {
    readonly n: number;
    readonly w: number;
    readonly r: number;
    readonly name: string;
    readonly inForce: boolean;
    readonly since: string | null;
  };
}

export interface LocalClusterOptions {
  readonly binary: string;
  readonly nodes?: number;
  readonly quorum?: string;
  /** More flags of the SuperNode. */
  readonly superFlags?: readonly string[];
  /** Data directories by node index, where not under the cluster's own. */
  readonly dataDirs?: Readonly<Record<number, string>>;
  /** Default true: only a whole cluster is handed over. */
  readonly wait?: boolean;
}

export class LocalCluster {
  readonly binary: string;
  /** Everything lives here and goes with it: data, logs, the user's home. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly supernode: ServerProcess;
  readonly nodes: ServerProcess[] = [];
  readonly #dataDirs: Readonly<Record<number, string>>;

  /** Starts a SuperNode and its DataNodes; resolves when all of them serve and the cluster is whole. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const cluster = new LocalCluster(options, await freePort());
    try {
      await cluster.supernode.start();
      for (let index = 0; index < (options.nodes ?? 3); index++) await cluster.addNode().start();
      if (options.wait !== false)
        await cluster.waitFor(
          (status) => status.state === "ok" && status.nodes.filter((node) => node.state === "up").length >= cluster.nodes.length,
        );
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor({ binary, quorum = "majority", superFlags = [], dataDirs = {} }: LocalClusterOptions, port: number) {
    this.binary = binary;
    this.dir = mkdtempSync(join(tmpdir(), "qdfs-"));
    this.#dataDirs = dataDirs;
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: this.dir,
      XDG_CACHE_HOME: join(this.dir, "cache"),
      QDFS_SUPERNODE: `127.0.0.1:${port}`,
      NO_COLOR: "1",
    };
    const args = [
      "--port",
      String(port),
      "--http-port",
      "0",
      "--data",
      join(this.dir, "super"),
      "--quorum",
      quorum,
      ...superFlags,
    ];
    this.supernode = new ServerProcess(binary, "supernode", () => args, join(this.dir, "super"), this.env);
  }

  /** A further DataNode, not started. */
  addNode(...extra: readonly string[]): ServerProcess {
    const index = this.nodes.length;
    const data = this.#dataDirs[index] ?? join(this.dir, `dn${index + 1}`);
    const args = (port: string) => ["--port", port, "--http-port", "0", "--data", data, "--supernode", this.address, ...extra];
    const node = new ServerProcess(this.binary, "datanode", args, join(this.dir, `dn${index + 1}`), this.env);
    this.nodes.push(node);
    return node;
  }

  node(index: number): ServerProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** The SuperNode's. */
  get address(): string {
    return this.env.QDFS_SUPERNODE ?? "";
  }

  /** Ends every process and removes everything (KEEP=1: but the files). */
  async stop(): Promise<void> {
    await Promise.all([...this.nodes, this.supernode].map((server) => server.stop()));
    if (process.env.KEEP === "1") process.stderr.write(`kept ${this.dir}\n`);
    else rmSync(this.dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Runs `qdfs ARGS` to its end. Rejects only when it does not end in time. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(this.binary, args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** As run; rejects unless it exits 0. */
  async ok(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const result = await this.run(args, options);
    if (result.exit !== 0) throw new Error(`qdfs ${args.join(" ")}: exit ${result.exit}: ${result.stderr.slice(-600)}`);
    return result;
  }

  /** The NDJSON rows of a command that must succeed. The caller knows their shape from CLI.md. */
  async rows<Row>(args: readonly string[], options: CommandOptions = {}): Promise<Row[]> {
    const { stdout } = await this.ok([...args, "--json"], options);
    return stdout
      .toString()
      .split("\n")
      .filter(Boolean)
      .map((line): Row => JSON.parse(line));
  }

  async status(): Promise<ClusterStatus> {
    const [status] = await this.rows<ClusterStatus>(["status"]);
    if (status === undefined) throw new Error("status says nothing");
    return status;
  }

  /** Resolves with the first status that meets the condition. */
  async waitFor(condition: (status: ClusterStatus) => boolean, timeoutMs = 30_000): Promise<ClusterStatus> {
    const endMs = performance.now() + timeoutMs;
    let last = "none";
    while (performance.now() < endMs) {
      const { exit, stdout, stderr } = await this.run(["status", "--json"]);
      last = exit === 0 ? stdout.toString() : stderr;
      if (exit === 0) {
        const status: ClusterStatus = JSON.parse(last);
        if (condition(status)) return status;
      }
      await Bun.sleep(100);
    }
    throw new Error(`the cluster did not get there in ${timeoutMs} ms; its last status: ${last.slice(0, 800)}`);
  }
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
