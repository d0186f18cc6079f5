/** A simulated cluster, one of whose DataNodes is slow: every message to and from it, and its disk, take so many times longer. */
import type { Client } from "../../src/client/client.ts";
import { SUPER_HOST } from "../../src/sim/cluster.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";

export interface ReadLatencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const CLIENT = "client";
const FILES = 200;

export class SlowedCluster {
  readonly cluster: MemoryCluster;
  readonly client: Client;
  #next = 0;

  static async start(quorum: ConstructorParameters<typeof MemoryCluster>[0], seed: number): Promise<SlowedCluster> {
    const cluster = new MemoryCluster(quorum, seed);
    const slowed = new SlowedCluster(cluster, await cluster.client(CLIENT));
    await cluster.until(Promise.all(Array.from({ length: FILES }, (_, i) => slowed.put(i))));
    cluster.runtime.advance(1_000);
    return slowed;
  }

  private constructor(cluster: MemoryCluster, client: Client) {
    this.cluster = cluster;
    this.client = client;
  }

  slow(number: number, factor: number): void {
    const { network, runtime, members } = this.cluster;
    const node = `dn-${number}`;
    const others = [CLIENT, SUPER_HOST, ...members.map((member) => `dn-${member.number}`).filter((name) => name !== node)];
    const delayMs = () => factor * (0.05 + 0.3 * runtime.random.unit());
    for (const other of others) {
      network.link(node, other).delayMs = delayMs;
      network.link(other, node).delayMs = delayMs;
    }
    this.cluster.disk(number).slowness = factor;
  }

  /** Read requests that DataNodes were sent since the last call of `askedLately`. */
  get requests(): number {
    return [...this.cluster.readsServed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The share of read requests since the last call that went to this node. */
  askedLately(number: number): number {
    const share = (this.cluster.readsServed.get(number) ?? 0) / Math.max(1, this.requests);
    this.cluster.readsServed.clear();
    return share;
  }

  async put(file: number): Promise<void> {
    await this.client.put(`/f${file % FILES}`, Buffer.from(`content ${file}`));
  }

  /** Strong reads, `inFlight` at a time; with `putEvery` each so manieth operation of a slot is a put instead. */
  async read(count: number, inFlight: number, putEvery = Number.POSITIVE_INFINITY): Promise<ReadLatencies> {
    const { clock } = this.cluster.runtime;
    const tookMs: number[] = [];
    const slot = async (operations: number): Promise<void> => {
      for (let i = 1; i <= operations; i += 1) {
        this.#next += 7;
        if (i % putEvery === 0) {
          await this.put(this.#next);
          continue;
        }
        const startedMs = clock.monotonicMs();
        await this.client.read(`/f${this.#next % FILES}`);
        tookMs.push(clock.monotonicMs() - startedMs);
      }
    };
    await this.cluster.until(Promise.all(Array.from({ length: inFlight }, () => slot(count / inFlight))));
    tookMs.sort((a, b) => a - b);
    const at = (share: number) => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? Number.NaN;
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }

  /** Mean times of a mix of strong reads and puts, `inFlight` at a time; which one comes next is drawn. */
  async mixed(count: number, inFlight: number, readsShare: number): Promise<{ readMs: number; writeMs: number; allMs: number }> {
    const { clock, random } = this.cluster.runtime;
    const took = { read: [] as number[], write: [] as number[] };
    const slot = async (): Promise<void> => {
      for (let i = 0; i < count / inFlight; i += 1) {
        const kind = random.unit() < readsShare ? "read" : "write";
        const file = Math.floor(random.unit() * FILES);
        const startedMs = clock.monotonicMs();
        await (kind === "read" ? this.client.read(`/f${file}`) : this.put(file));
        took[kind].push(clock.monotonicMs() - startedMs);
      }
    };
    await this.cluster.until(Promise.all(Array.from({ length: inFlight }, slot)));
    const mean = (times: readonly number[]) => times.reduce((sum, time) => sum + time, 0) / times.length;
    return { readMs: mean(took.read), writeMs: mean(took.write), allMs: mean([...took.read, ...took.write]) };
  }
}
