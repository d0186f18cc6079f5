/**
 * What every command shares: the common flags, the connection to a cluster, the bound on time. The description of a flag that
 * takes a value begins with the value's name in capitals (`qdfs help` shows it behind the flag).
 */
import { hostname } from "node:os";
import { Command, Option } from "clipanion";
import { type Exit, QdfsError } from "../base/errors.ts";
import { parseAddresses, parseDuration } from "../base/units.ts";
import type { Client, ConnectOptions } from "../client/connect.ts";
import { Output } from "./output.ts";

/** Three weeks: timers count in 32 bits. */
const TIMEOUT_MS_MAX = 21 * 24 * 3_600_000;

export const DEFAULT_SUPERNODE = "127.0.0.1:7000";
/** The library's own, more telling error comes first; past this the command ends whatever it is waiting for. */
const TIMEOUT_GRACE_MS = 500;

export abstract class QdfsCommand extends Command {
  readonly json = Option.Boolean("--json", false, { description: "results as NDJSON, one object per line" });
  readonly quiet = Option.Boolean("-q,--quiet", false, { description: "say nothing but errors" });
  readonly verbose = Option.Boolean("-v,--verbose", false, { description: "explain what is done, on stderr" });

  /** Parses the flags, does the work, prints. Failures are thrown; main reports them. */
  abstract run(output: Output): Promise<Exit>;

  override async execute(): Promise<Exit> {
    const output = new Output({ json: this.json, quiet: this.quiet, verbose: this.verbose });
    let exit: Exit;
    try {
      exit = await this.run(output);
    } finally {
      await output.flush();
    }
    if (output.failure !== undefined) throw output.failure; // the work is done, but its results are not where they should be
    return exit;
  }
}

/** A command that talks to a cluster. */
export abstract class ClientCommand extends QdfsCommand {
  readonly supernode = Option.String("--supernode", {
    description: `HOST:PORT[,…] where the cluster is: SuperNodes or, as a way in, any DataNodes (default: QDFS_SUPERNODE, then ${DEFAULT_SUPERNODE})`,
  });
  readonly timeout = Option.String("--timeout", { description: "DURATION give up after this long, as in 30s" });

  /** True for commands that change files: running out of time then leaves the outcome unknown. */
  protected readonly mutates: boolean = false;

  /**
   * Where the cluster is.
   * @throws QdfsError BAD_USAGE
   */
  addresses(): readonly string[] {
    return parseAddresses(this.supernode ?? (process.env.QDFS_SUPERNODE || DEFAULT_SUPERNODE));
  }

  /**
   * What --timeout allows, ms; undefined: the library's defaults.
   * @throws QdfsError BAD_USAGE
   */
  timeoutMs(): number | undefined {
    if (this.timeout === undefined) return undefined;
    const timeoutMs = parseDuration(this.timeout);
    if (timeoutMs < 1) throw new QdfsError("BAD_USAGE", "--timeout must be longer than nothing");
    return Math.min(timeoutMs, TIMEOUT_MS_MAX);
  }

  /**
   * A client of the cluster that the flags name; the caller closes it.
   * @throws QdfsError BAD_USAGE, CLUSTER_UNREACHABLE
   */
  async connectClient(): Promise<Client> {
    const options: ConnectOptions = { addresses: this.addresses(), timeoutMs: this.timeoutMs() };
    const { connect } = await import("../client/connect.ts");
    return await connect(options);
  }

  /** Connects, does the work, closes; all of it within --timeout. */
  async withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    return await this.#within(this.timeoutMs(), this.#connected(work));
  }

  async #connected<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const client = await this.connectClient();
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  async #within<Result>(timeoutMs: number | undefined, working: Promise<Result>): Promise<Result> {
    if (timeoutMs === undefined) return await working;
    const code = this.mutates ? "OUTCOME_UNKNOWN" : "DEADLINE";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new QdfsError(code, `not finished within --timeout ${this.timeout}`, { timeoutMs });
      timer = setTimeout(() => reject(error), timeoutMs + TIMEOUT_GRACE_MS);
    });
    try {
      return await Promise.race([working, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Who changes files: `user@host`. */
export function author(): string {
  const user = process.env.USER || process.env.LOGNAME || `uid${process.getuid?.() ?? ""}`;
  return `${user}@${hostname()}`;
}

/** What a server or a bench logs to stderr. */
export function logLevel(flags: { readonly quiet: boolean; readonly verbose: boolean }): "quiet" | "warn" | "info" | "debug" {
  if (flags.quiet) return "quiet";
  if (process.env.QDFS_DEBUG === "1") return "debug";
  return flags.verbose ? "info" : "warn";
}
