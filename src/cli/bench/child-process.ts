/** One client process of `qdfs bench --procs K`, seen by the parent. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { assert, QdfsError } from "../../base/errors.ts";
import type { FleetJob, LoadEnd, LoadProcess } from "../../bench/fleet.ts";
import type { Emit } from "../../bench/meter.ts";
import type { Share } from "../../bench/share.ts";
import { Tally } from "../../bench/tally.ts";
import type { Clock } from "../../ports.ts";
import { BENCH_CLOCK_QUESTIONS } from "../../tool-limits.ts";
import { parseFailureLine } from "../failure.ts";
import { ENGINE_ENV, programArguments } from "../long-lived.ts";
import { ClockBounds } from "./clock-bounds.ts";
import { BENCH_CHILD_ENV, type ChildWord, childWord, type ParentWord } from "./words.ts";

/** How often it is asked whether the run is over early. */
const STOP_POLL_MS = 50;

export interface BenchChildOptions {
  readonly job: FleetJob;
  readonly share: Share;
  /** Where the cluster is, and other flags that go to every process. */
  readonly args: readonly string[];
  /** Where it writes down its operations; undefined: nowhere. */
  readonly record: number | undefined;
  readonly clock: Clock;
  readonly say: (text: string) => void;
}

export class BenchChild implements LoadProcess {
  readonly clock = new ClockBounds();
  readonly #options: BenchChildOptions;
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<LoadEnd>();
  readonly #ended: Promise<void>;
  #failure: QdfsError | undefined;
  #answered: (nowMs: number) => void = () => {};
  #take: Emit = () => {};

  /** Starts it. */
  constructor(options: BenchChildOptions) {
    this.#options = options;
    const child = spawn(process.execPath, [...programArguments(), "bench", ...options.args, "--json"], {
      // A session of its own: Ctrl-C reaches the parent alone, which then ends the run in order.
      detached: true,
      stdio: ["pipe", "pipe", "pipe", options.record ?? "ignore"],
      env: { ...process.env, ...ENGINE_ENV, [BENCH_CHILD_ENV]: "1" },
    });
    this.#process = child;
    assert(child.stdout !== null && child.stderr !== null, "a child's streams are pipes");
    // Whoever waits for one of them hears of the child's end; the other is nobody's concern then.
    for (const promise of [this.#ready.promise, this.#done.promise]) promise.catch(() => {});
    child.stdin?.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => this.#heard(childWord(line)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      const failure = parseFailureLine(line);
      if (failure === undefined) options.say(`${this.#name}: ${line}`);
      else this.#failure = failure;
    });
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => this.#lost(error.message));
      child.on("close", (code, signal) => {
        this.#lost(signal ?? `exit code ${code}`);
        resolve();
      });
    });
    const { job, share } = options;
    this.#say({ word: "job", job, share });
  }

  /** Resolves when it is connected to the cluster. @throws QdfsError what it said on its way out */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Asks for its clock until the bounds are narrow. To be done while it is idle. */
  async compareClocks(): Promise<void> {
    const { clock } = this.#options;
    for (let question = 0; question < BENCH_CLOCK_QUESTIONS; question++) {
      const askedMs = clock.monotonicMs();
      const answer = new Promise<number>((resolve) => {
        this.#answered = resolve;
      });
      this.#say({ word: "clock" });
      const lost = this.#done.promise.then(() => 0);
      const otherMs = await Promise.race([answer, lost]);
      this.clock.narrow(askedMs, otherMs, clock.monotonicMs());
    }
  }

  async run(startMs: number, emit: Emit, stopped: () => boolean): Promise<LoadEnd> {
    this.#take = emit;
    this.#say({ word: "start", atMs: this.clock.toOther(startMs) });
    let told = false;
    const polling = setInterval(() => {
      if (told || !stopped()) return;
      told = true;
      this.#say({ word: "stop" });
    }, STOP_POLL_MS);
    try {
      return await this.#done.promise;
    } finally {
      clearInterval(polling);
    }
  }

  /** Whatever it is doing. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  get #name(): string {
    const { index, of } = this.#options.share;
    return `client process ${index + 1} of ${of}`;
  }

  #heard(said: ChildWord): void {
    if (said.word === "ready") this.#ready.resolve();
    else if (said.word === "clock") this.#answered(said.nowMs);
    else if (said.word === "interval") this.#take(said.index, Tally.of(this.#options.job.nodes, said.tally), said.whole);
    else this.#done.resolve({ endMs: this.clock.fromOther(said.endMs), found: new Map(said.found) });
  }

  /** Means nothing to those who have what they waited for. */
  #lost(how: string): void {
    const failure =
      this.#failure === undefined
        ? new QdfsError("INTERRUPTED", `${this.#name} ended (${how}): what the others measured is not the run that was asked for`)
        : new QdfsError(this.#failure.code, `${this.#name}: ${this.#failure.message}`);
    this.#ready.reject(failure);
    this.#done.reject(failure);
  }

  #say(word: ParentWord): void {
    this.#process.stdin?.write(`${JSON.stringify(word)}\n`);
  }
}
