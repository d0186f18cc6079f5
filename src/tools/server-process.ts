/** A server of the executable as a real process: started, waited for, signalled, restarted. Always ended by its id. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { endWithThisProcess } from "./children.ts";

/** The line that a server prints when it serves (CLI.md). */
export interface Ready {
  readonly role: string;
  readonly id: string;
  readonly grpc: string;
  readonly http: string;
  readonly pid: number;
  readonly dataDir: string;
}

const POLL_MS = 25;
const START_MS = 30_000;

/** One server, restartable with the same data and port. */
export class ServerProcess {
  readonly role: string;
  readonly #binary: string;
  readonly #args: (port: string) => readonly string[];
  readonly #log: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: Bun.Subprocess | undefined;
  #ready: Ready | undefined;

  /** `args` gets the port to listen on: 0 the first time, then the one that was given. Output goes to `<log>.out` and `.err`. */
  constructor(
    binary: string,
    role: string,
    args: (port: string) => readonly string[],
    log: string,
    env: Readonly<Record<string, string>>,
  ) {
    this.#binary = binary;
    this.role = role;
    this.#args = args;
    this.#log = log;
    this.#env = env;
  }

  /** Resolves when it says that it serves; rejects, with its stderr, when it ends or is not ready in time. */
  async start(): Promise<Ready> {
    const port = this.#ready?.grpc.split(":").at(-1) ?? "0";
    const [out, err] = [openSync(`${this.#log}.out`, "w"), openSync(`${this.#log}.err`, "a")];
    const child = Bun.spawn([this.#binary, this.role, ...this.#args(port), "--json"], {
      stdin: "ignore",
      stdout: out,
      stderr: err,
      env: this.#env,
    });
    closeSync(out);
    closeSync(err);
    this.#child = child;
    endWithThisProcess(child);
    for (let waitedMs = 0; waitedMs < START_MS && child.exitCode === null && child.signalCode === null; waitedMs += POLL_MS) {
      const ready = this.#readyLine();
      if (ready !== undefined) {
        this.#ready = ready;
        return ready;
      }
      await Bun.sleep(POLL_MS);
    }
    await this.stop();
    throw new Error(`${this.role} did not come up (exit ${child.exitCode}): ${this.stderr().slice(-600)}`);
  }

  /** As of the last start. */
  get ready(): Ready {
    if (this.#ready === undefined) throw new Error(`${this.role} was never started`);
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child?.kill(signal);
  }

  /** Ends it and resolves with its exit code, null when the signal ended it. A frozen process takes only SIGKILL. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    this.signal(signal);
    await this.#child?.exited;
    return this.#child?.exitCode ?? null;
  }

  /** All that it wrote to stderr, over all its lives. */
  stderr(): string {
    return readFileSync(`${this.#log}.err`, "utf8");
  }

  #readyLine(): Ready | undefined {
    for (const line of readFileSync(`${this.#log}.out`, "utf8").split("\n")) {
      if (line.includes('"ready"') && line.endsWith("}")) return JSON.parse(line);
    }
    return undefined;
  }
}
