/** A simulated cluster without chance in its faults: tests say themselves what crashes and what is cut. */
import type { Client } from "../../src/client/client.ts";
import type { DataNode } from "../../src/datanode/datanode.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { type DataHost, SimCluster } from "../../src/sim/cluster.ts";
import type { Disk } from "../../src/sim/disk.ts";
import type { ClusterShape } from "../../src/sim/first-map.ts";
import type { Life } from "../../src/sim/life.ts";
import { Trace } from "../../src/sim/trace.ts";
import type { MemoryChunkFiles } from "../../src/storage/memory-chunk-files.ts";
import type { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import type { SuperNode } from "../../src/supernode/supernode.ts";
import type { MemoryNetwork } from "../../src/transport/memory-network.ts";
import type { Accept, ClusterMap } from "../../src/wire/messages.ts";

export interface Member {
  readonly number: number;
  readonly store: MemoryNodeStore;
  readonly files: MemoryChunkFiles;
  readonly node: DataNode;
  readonly life: Life;
}

export class MemoryCluster {
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly fatal: unknown[] = [];
  /** By node, how many reads it answered. */
  readonly readsServed = new Map<number, number>();
  /** What replicas took, in the order of their answers. */
  readonly accepts: Accept[] = [];
  preparesServed = 0;
  readonly #cluster: SimCluster;

  constructor(quorum: Pick<ClusterShape, "n" | "w" | "r" | "quorumName"> = { n: 3, w: 2, r: 2 }, seed = 1) {
    this.runtime = new FakeRuntime(seed);
    const shape: ClusterShape = {
      ...quorum,
      nodes: quorum.n,
      partitions: 64,
      inlineLimitBytes: 1024,
      chunkSizeBytes: 4096,
      keepVersions: 3,
      changingMax: 64,
      heals: "both",
    };
    const trace = new Trace(false, this.runtime.clock.monotonicMs);
    this.#cluster = new SimCluster(this.runtime, shape, seed, trace, {
      durable: () => {},
      served: ({ index }, { read, accept, prepare }, answer) => {
        if (accept && answer.accepted) this.accepts.push(accept);
        if (prepare) this.preparesServed += 1;
        if (read) this.readsServed.set(index, (this.readsServed.get(index) ?? 0) + 1);
      },
      serves: () => {},
      issued: () => {},
      joined: () => {},
      superNodeEnded: () => {},
      fatal: (_, error) => void this.fatal.push(error),
    });
    this.network = this.#cluster.network;
    this.#cluster.startAll();
    this.runtime.advance(100);
  }

  get superNode(): SuperNode {
    const { superNode } = this.#cluster.superHost;
    if (superNode === undefined) throw new Error("the SuperNode is not running");
    return superNode;
  }

  get map(): ClusterMap {
    return this.#cluster.map;
  }

  get members(): readonly Member[] {
    return this.#cluster.dataHosts.map(({ index }) => this.member(index));
  }

  member(number: number): Member {
    const { disk, node, life } = this.#host(number);
    if (node === undefined || life === undefined) throw new Error(`dn-${number} is not running`);
    return { number, store: disk.store, files: disk.files, node, life };
  }

  /** Its connections break, and what was not committed is gone or not, as the seed says. */
  crash(number: number): void {
    this.#cluster.kill(this.#host(number), "kill");
  }

  restart(number: number): void {
    this.#cluster.startDataNode(this.#host(number));
    this.runtime.advance(10);
  }

  /** Its clock on the wall is so far ahead of the others'. */
  skewClock(number: number, ms: number): void {
    this.#host(number).wall.skewMs = ms;
  }

  /** It outlives the processes. */
  disk(number: number): Disk {
    return this.#host(number).disk;
  }

  async client(name = "client"): Promise<Client> {
    return await this.until(
      new Promise<Client>((resolve, reject) => {
        this.#cluster.startClient(name, (client) => (client === undefined ? reject(new Error("no cluster")) : resolve(client)));
      }),
    );
  }

  /** Lets time pass until the promise has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    return await this.runtime.until(promise, 120_000);
  }

  #host(number: number): DataHost {
    const host = this.#cluster.dataHosts[number - 1];
    if (host === undefined) throw new Error(`no dn-${number}`);
    return host;
  }
}
