/**
 * One server of `qdfs up` or `qdfs chaos`: a child process of this executable. It holds the other end of a pipe as its standard
 * input and ends when that closes, so it never outlives its parent, however that ends (serving.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { QdfsError } from "../base/errors.ts";
import { parseAddress } from "../base/units.ts";
import { parseFailureLine } from "./failure.ts";
import { ENGINE_ENV, programArguments } from "./long-lived.ts";
import { PARENT_ENV, type ParentWord, type Ready } from "./serving.ts";

export interface ChildOptions {
  readonly role: "supernode" | "datanode";
  /** Shown before its words on stderr, until it has an id. */
  readonly name: string;
  readonly port: number;
  /** True: started again it takes the ports that it had. False: `port` again. */
  readonly samePorts: boolean;
  readonly args: readonly string[];
  /** What its command line begins with, if anything: a program that becomes it. */
  readonly command?: readonly string[];
  /** What the child is to know of its parent. */
  readonly parent: ParentWord;
  readonly say: (text: string) => void;
  /** Called when it ends without having been told to. */
  readonly onDeath: (child: ChildServer, how: string) => void;
}

export class ChildServer {
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #ready: Ready | undefined;
  #serving: Ready | undefined;
  #stopping = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#ready?.id ?? this.#options.name;
  }

  /** What it printed when it was last ready. */
  get ready(): Ready | undefined {
    return this.#ready;
  }

  get role(): "supernode" | "datanode" {
    return this.#options.role;
  }

  /** What the process that runs now has printed; undefined while it does not serve. */
  get serving(): Ready | undefined {
    return this.#serving;
  }

  /** Of the process, while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts it and waits for its ready line.
   * @throws QdfsError what it said on its way out
   */
  async start(): Promise<Ready> {
    this.#stopping = false;
    const self = [process.execPath, ...programArguments(), this.#options.role, ...this.#ports(), ...this.#options.args, "--json"];
    const [program = "", ...args] = [...(this.#options.command ?? []), ...self];
    const child = spawn(program, args, {
      // A session of its own: Ctrl-C reaches `up` alone, which then drains its children in order.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...ENGINE_ENV, [PARENT_ENV]: this.#options.parent },
    });
    this.#process = child;
    child.stdin?.on("error", () => {});
    let failure: QdfsError | undefined;
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      failure = parseFailureLine(line) ?? failure;
      if (parseFailureLine(line) === undefined) this.#options.say(`${this.name}: ${line}`);
    });
    this.#ended = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        const how = signal === null ? `exit code ${code}` : signal;
        const served = this.#serving?.pid === child.pid;
        if (served) this.#serving = undefined;
        if (this.#process === child) this.#process = undefined;
        resolve();
        if (served && !this.#stopping) this.#options.onDeath(this, failure === undefined ? how : `${how}, ${failure.message}`);
      });
    });
    const ready = await Promise.race([readyOf(child), this.#ended]);
    if (ready === undefined) {
      throw failure ?? new QdfsError("NODE_UNREACHABLE", `${this.name} ended before it served`, { name: this.name });
    }
    this.#ready = ready;
    this.#serving = ready;
    return ready;
  }

  /** SIGTERM, then waits for its end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process?.kill("SIGTERM");
    await this.#ended;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#process?.kill("SIGKILL");
    await this.#ended;
  }

  /** A line for its standard input; lost when it is not running. */
  tell(line: string): void {
    this.#process?.stdin?.write(`${line}\n`);
  }

  #ports(): readonly string[] {
    if (this.#ready !== undefined && this.#options.samePorts) {
      return ["--port", portOf(this.#ready.grpc), "--http-port", portOf(this.#ready.http)];
    }
    return ["--port", String(this.#options.port)];
  }
}

function portOf(address: string): string {
  return String(parseAddress(address).port);
}

/** The ready line; undefined when the output ends without one. */
async function readyOf(child: ChildProcess): Promise<Ready | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed: unknown = parseJson(line);
    if (isReady(parsed)) {
      child.stdout.resume();
      return parsed;
    }
  }
  return undefined;
}

function isReady(value: unknown): value is Ready {
  return typeof value === "object" && value !== null && "event" in value && value.event === "ready";
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
