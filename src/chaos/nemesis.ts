/**
 * Makes the faults of a plan on a cluster, and takes every one of them back. A process has one fault of its own at a time (it is
 * killed, or frozen, or damaged); links, disks and clocks fail beside that as they like.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import type { Random, Runtime } from "../ports.ts";
import type { ClusterUnderTest, Undo } from "./cluster.ts";
import { type Fault, type FaultKind, type ServerName, SUPERNODE } from "./faults.ts";

/** A server that does not come up is started again this often, for so long. */
const START_AGAIN_MS = 500;
const START_PATIENCE_MS = 60_000;

export interface NemesisPorts {
  readonly cluster: ClusterUnderTest;
  readonly runtime: Runtime;
  /** What damage is made follows from it. */
  readonly random: Random;
  /** A line of the timeline. */
  readonly say: (text: string) => void;
  /** Something that no fault excuses, as a server that does not start again. */
  readonly blame: (text: string) => void;
}

export class Nemesis {
  readonly #ports: NemesisPorts;
  readonly #counts = new Map<FaultKind, number>();
  readonly #active = new Set<Promise<void>>();
  /** Servers whose process has a fault. */
  readonly #troubled = new Set<ServerName>();
  readonly #clockShiftMs = new Map<ServerName, number>();
  readonly #bugs: unknown[] = [];
  #ending = false;
  readonly #wakers = new Set<() => void>();

  constructor(ports: NemesisPorts) {
    this.#ports = ports;
  }

  /** Faults that were made so far. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => a.localeCompare(b)));
  }

  /** A bug of ours ended something: nothing that is left of the run is worth waiting for. */
  get broken(): boolean {
    return this.#bugs.length > 0;
  }

  /** Makes faults until `heal` is called, which also says what went wrong. */
  async run(plan: Iterator<Fault, never>): Promise<void> {
    while (!this.#ending) {
      const fault = plan.next().value;
      await this.#sleep(fault.afterMs);
      if (this.#ending) return;
      const active = this.#begin(fault)
        .catch((error) => void this.#bugs.push(error))
        .finally(() => this.#active.delete(active));
      this.#active.add(active);
    }
  }

  /** Makes no more faults and takes back those under way; resolves when all servers run and are left alone. Rejects on bugs alone. */
  async heal(): Promise<void> {
    this.#ending = true;
    for (const wake of this.#wakers) wake();
    await Promise.all(this.#active);
    if (this.broken) throw this.#bugs[0];
    await Promise.all([SUPERNODE, ...this.#ports.cluster.nodes].map((server) => this.#startAgain(server)));
    for (const server of this.#clockShiftMs.keys()) this.#ports.cluster.shiftClock(server, 0);
  }

  /** Resolves when it is over; at once if it cannot be made now. */
  async #begin(fault: Fault): Promise<void> {
    const { cluster } = this.#ports;
    const { kind, servers, lastsMs, amountMs } = fault;
    const [first = "", second = ""] = servers;
    const forMs = `for ${formatDuration(lastsMs)}`;
    switch (kind) {
      case "kill":
      case "kill-supernode":
      case "kill-all":
        return this.#alone(fault, `${servers.join(", ")} killed, down ${forMs}`, () => this.#kill(servers, lastsMs));
      case "freeze":
        return this.#alone(fault, `${first} frozen ${forMs}`, () => cluster.freeze(first, lastsMs));
      case "database-rot":
        return this.#alone(fault, `${first} killed, its database damaged`, () => this.#damageDatabase(first, lastsMs));
      case "partition":
        return this.#lasting(fault, `${first} cut off from everybody ${forMs}`, cluster.isolate(first));
      case "cut":
        return this.#lasting(
          fault,
          `link ${first} = ${second} cut ${forMs}`,
          both(cluster.cut(first, second), cluster.cut(second, first)),
        );
      case "one-way":
        return this.#lasting(fault, `link ${first} → ${second} cut one way ${forMs}`, cluster.cut(first, second));
      case "delay":
        return this.#lasting(fault, `links of ${first} slower by ${amountMs} ms ${forMs}`, cluster.delay(first, amountMs));
      case "disk-full":
        return this.#lasting(fault, `disk of ${first} full ${forMs}`, cluster.fillDisk(first));
      case "reset":
        cluster.reset(first);
        return this.#count(fault, `all connections of ${first} broken`);
      case "bit-rot": {
        const words = cluster.damageChunk(first, this.#ports.random);
        return words === undefined ? undefined : this.#count(fault, `${first}: ${words}`);
      }
      case "clock": {
        const shiftMs = (this.#clockShiftMs.get(first) ?? 0) + amountMs;
        this.#clockShiftMs.set(first, shiftMs);
        cluster.shiftClock(first, shiftMs);
        return this.#count(fault, `wall clock of ${first} jumps by ${signed(amountMs)}`);
      }
    }
  }

  async #lasting(fault: Fault, words: string, undo: Undo): Promise<void> {
    this.#count(fault, words);
    try {
      await this.#sleep(fault.lastsMs);
    } finally {
      undo();
    }
    this.#ports.say(`  over: ${words.split(" for ")[0]}`);
  }

  /** A fault of processes, if none of them has one already. */
  async #alone(fault: Fault, words: string, work: () => Promise<void>): Promise<void> {
    const { servers } = fault;
    if (servers.some((server) => this.#troubled.has(server))) return;
    for (const server of servers) this.#troubled.add(server);
    this.#count(fault, words);
    await work();
    for (const server of servers) this.#troubled.delete(server);
    this.#ports.say(`  over: ${servers.join(", ")} ${servers.length === 1 ? "runs" : "run"} again`);
  }

  async #kill(servers: readonly ServerName[], lastsMs: number): Promise<void> {
    await Promise.all(servers.map((server) => this.#ports.cluster.kill(server)));
    await this.#sleep(lastsMs);
    await Promise.all(servers.map((server) => this.#startAgain(server)));
  }

  async #damageDatabase(server: ServerName, lastsMs: number): Promise<void> {
    const { cluster, random, say } = this.#ports;
    await cluster.kill(server);
    const { words, undo } = cluster.damageDatabase(server, random);
    say(`  ${server}: ${words}`);
    await this.#sleep(lastsMs);
    try {
      await this.#start(server);
      say(`  ${server} starts all the same`);
    } catch (error) {
      if (codeOf(error) !== "DATA_DIR_UNUSABLE") throw error;
      say(`  ${server} refuses, as it must: ${messageOf(error)}`);
      await cluster.kill(server);
      undo();
      await this.#startAgain(server);
    }
  }

  async #start(server: ServerName): Promise<void> {
    await this.#ports.cluster.start(server);
    const shiftMs = this.#clockShiftMs.get(server);
    if (shiftMs !== undefined) this.#ports.cluster.shiftClock(server, shiftMs);
  }

  /** While other faults last a server may be unable to start (disk full). */
  async #startAgain(server: ServerName): Promise<void> {
    const { runtime, say, blame } = this.#ports;
    const untilMs = runtime.clock.monotonicMs() + START_PATIENCE_MS;
    for (;;) {
      try {
        await this.#start(server);
        return;
      } catch (error) {
        if (!(error instanceof QdfsError)) throw error;
        say(`  ${server} does not start yet: ${error.code}: ${error.message}`);
        if (runtime.clock.monotonicMs() > untilMs) {
          blame(`${server} does not start again: ${error.code}: ${error.message}`);
          return;
        }
      }
      await new Promise<void>((resolve) => void runtime.timers.after(START_AGAIN_MS, resolve));
    }
  }

  #count({ kind }: Fault, words: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#ports.say(words);
  }

  /** Shorter when everything is to be taken back. */
  #sleep(delayMs: number): Promise<void> {
    if (this.#ending) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wakers.delete(wake);
        resolve();
      };
      const cancel = this.#ports.runtime.timers.after(delayMs, wake);
      this.#wakers.add(wake);
    });
  }
}

function both(...undos: readonly Undo[]): Undo {
  return () => {
    for (const undo of undos) undo();
  };
}

function signed(ms: number): string {
  return `${ms < 0 ? "-" : "+"}${formatDuration(Math.abs(ms))}`;
}
