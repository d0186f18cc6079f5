/** The real thing: `qdfs up --temp` of the compiled executable, and its commands as a user types them. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchRates } from "../bench-rates.ts";
import { endWithThisProcess } from "../children.ts";
import { type CommandResult, runCommand } from "../run-command.ts";
import type { Ready } from "../server-process.ts";
import { firstLine } from "./scripts.ts";

const STOP_MS = 20_000;
/** The longest single command: a put of 10 GiB. */
const COMMAND_MS = 300_000;

interface ClusterReady {
  readonly supernode: string;
  readonly processes: readonly Ready[];
}

export class Product {
  readonly binary: string;
  /** The cluster's data lie in it, and the user's home. */
  readonly dir: string;
  #child: Bun.Subprocess<"ignore", "pipe", number> | undefined;
  #ready: ClusterReady | undefined;

  constructor(binary: string, dir: string) {
    this.binary = binary;
    this.dir = dir;
  }

  /** Resolves when all DataNodes serve. */
  async start(): Promise<void> {
    const log = openSync(join(this.dir, "up.err"), "w");
    const child = Bun.spawn([this.binary, "up", "--temp", "--port", "0", "--json"], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: log,
      env: this.env,
    });
    closeSync(log);
    endWithThisProcess(child);
    this.#child = child;
    try {
      this.#ready = JSON.parse(await firstLine(child.stdout, "qdfs up"));
    } catch (error) {
      throw new Error(`qdfs up: ${readFileSync(join(this.dir, "up.err"), "utf8").slice(-600)}`, { cause: error });
    }
  }

  get env(): Readonly<Record<string, string>> {
    return {
      PATH: process.env.PATH ?? "",
      HOME: this.dir,
      XDG_CACHE_HOME: join(this.dir, "cache"),
      TMPDIR: this.dir,
      NO_COLOR: "1",
      ...(this.#ready === undefined ? {} : { QDFS_SUPERNODE: this.#ready.supernode }),
    };
  }

  /** The SuperNode's. */
  get address(): string {
    return this.#started.supernode;
  }

  /** The servers, the SuperNode first. */
  get processes(): readonly Ready[] {
    return this.#started.processes;
  }

  get #started(): ClusterReady {
    if (this.#ready === undefined) throw new Error("the cluster was never started");
    return this.#ready;
  }

  /** A command that is waited for, or ended, by the caller; what it prints goes nowhere. */
  spawn(...args: readonly string[]): Bun.Subprocess {
    const child = Bun.spawn([this.binary, ...args], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env: this.env });
    endWithThisProcess(child);
    return child;
  }

  /** Rejects unless the command exits 0. */
  async run(...args: readonly string[]): Promise<CommandResult> {
    const result = await runCommand(this.binary, args, { env: this.env, timeoutMs: COMMAND_MS });
    if (result.exit !== 0) throw new Error(`qdfs ${args.join(" ")}: exit ${result.exit}: ${result.stderr.slice(-600)}`);
    return result;
  }

  /** A run of the bench without a failed operation. */
  async bench(...args: readonly string[]): Promise<BenchRates> {
    const { stdout } = await this.run("bench", ...args, "--json", "-q");
    const rates: BenchRates = JSON.parse(stdout.toString());
    const errors = rates.operations.put.errors + rates.operations.get.errors;
    if (errors > 0) throw new Error(`qdfs bench ${args.join(" ")}: ${errors} operations failed`);
    return rates;
  }

  /** Until the compilers of all processes have seen the hot paths; leaves no more than so many files. */
  async warmUp(files = 1_000_000): Promise<void> {
    const load = ["--clients", "1", "--in-flight", "64"];
    await this.bench("--only", "put", ...load, "--files", String(files), "--duration", "4s");
    await this.bench("--only", "get", ...load, "--files", String(Math.min(files, 2000)), "--duration", "2s");
  }

  /** Ends the servers; their data go with them. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await child.exited;
    clearTimeout(late);
  }
}
