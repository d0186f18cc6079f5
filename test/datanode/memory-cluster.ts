/**
 * A cluster of real DataNodes and clients in one process and virtual time: memory disks, a memory network that can be cut and
 * delayed, crashes that lose what was not committed. The SuperNode is the smallest one that admits nodes.
 */
import { assemble } from "../../src/client/assemble.ts";
import type { Client } from "../../src/client/client.ts";
import { noMapCache } from "../../src/client/map-cache.ts";
import { DataNode } from "../../src/datanode/datanode.ts";
import { SuperNodes } from "../../src/datanode/membership.ts";
import { PARTITIONS } from "../../src/limits.ts";
import type { Clock, Log, Random, Runtime, SuperNodeApi, Timers } from "../../src/ports.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryChunkFiles } from "../../src/storage/memory-chunk-files.ts";
import { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import { MemoryBulkClient } from "../../src/transport/memory-bulk.ts";
import { MemoryControlDialer } from "../../src/transport/memory-control.ts";
import { type MemoryListener, MemoryNetwork } from "../../src/transport/memory-network.ts";
import { MemorySessionDialer } from "../../src/transport/memory-session.ts";
import { type ClusterMap, type Node, NodeState } from "../../src/wire/messages.ts";

const SUPERNODE = "super:1";
const COMMIT_MS = 0.3;

export interface Member {
  readonly number: number;
  readonly grpc: string;
  readonly http: string;
  readonly store: MemoryNodeStore;
  readonly files: MemoryChunkFiles;
  node: DataNode;
  life: Life;
  listeners: MemoryListener[];
}

/** One life of a process: its timers die with it, and it dials from a place of its own. */
class Life implements Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timers: Timers;
  readonly place: string;
  over = false;

  constructor(runtime: Runtime, place: string) {
    this.place = place;
    this.clock = runtime.clock;
    this.random = runtime.random;
    this.log = runtime.log;
    const alive = (run: () => void) => () => {
      if (!this.over) run();
    };
    this.timers = {
      after: (delayMs, run) => runtime.timers.after(delayMs, alive(run)),
      soon: (run) => runtime.timers.soon(alive(run)),
    };
  }
}

export class MemoryCluster {
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly members: Member[] = [];
  readonly fatal: unknown[] = [];
  readonly map: ClusterMap;
  #lives = 0;

  constructor(quorum = { n: 3, w: 2, r: 2 }, seed = 1) {
    this.runtime = new FakeRuntime(seed);
    this.network = new MemoryNetwork(this.runtime);
    const numbers = Array.from({ length: quorum.n }, (_, i) => i + 1);
    const nodes: Node[] = numbers.map((number) => ({
      number,
      grpc: `dn-${number}:1`,
      http: `dn-${number}:2`,
      zone: "",
      weight: 1,
      state: NodeState.UP,
      diskId: `disk-${number}`,
    }));
    this.map = {
      clusterId: "memory",
      generation: 1,
      version: 1,
      policy: { ...quorum, name: "custom", chunkSizeBytes: 4096, inlineLimitBytes: 1024, keepVersions: 3 },
      nodes,
      partitions: Array.from({ length: PARTITIONS }, (_, i) => ({
        number: 1,
        sets: [{ nodes: numbers.map((_, k) => ((i + k) % quorum.n) + 1), w: quorum.w, r: quorum.r }],
      })),
      supernodes: [SUPERNODE],
      waitingFor: "",
    };
    this.network.listen(SUPERNODE, { control: this.#supernode() });
    for (const { number, grpc, http } of nodes) {
      const store = new MemoryNodeStore({ timers: this.runtime.timers, commitMs: () => COMMIT_MS });
      const files = new MemoryChunkFiles();
      const parts = { number, grpc, http, store, files };
      this.members.push({ ...parts, ...this.#open(parts) });
    }
    this.runtime.advance(100);
  }

  member(number: number): Member {
    const member = this.members.find((candidate) => candidate.number === number);
    if (member === undefined) throw new Error(`no dn-${number}`);
    return member;
  }

  /** Power loss: what was not committed is gone, nobody hears of the process again, and its connections break. */
  crash(number: number): void {
    const member = this.member(number);
    member.life.over = true;
    for (const listener of member.listeners) listener.close();
    for (const to of [SUPERNODE, ...this.members.map(({ grpc }) => grpc), ...this.members.map(({ http }) => http)]) {
      this.network.setCut(member.life.place, to, true);
    }
    member.store.crash();
  }

  restart(number: number): void {
    const member = this.member(number);
    Object.assign(member, this.#open(member));
    this.runtime.advance(10);
  }

  async client(name = "client"): Promise<Client> {
    const { runtime, network } = this;
    return await this.until(
      assemble({
        addresses: [SUPERNODE],
        cache: noMapCache,
        runtime,
        control: new MemoryControlDialer(network, name, runtime),
        sessions: (counter, clusterId) =>
          new MemorySessionDialer(network, name, runtime, counter, () => ({ clusterId: clusterId(), node: 0, version: "test" })),
        bulk: new MemoryBulkClient(network, name, runtime),
      }),
    );
  }

  /** Lets time pass until the promise has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    return await this.runtime.until(promise, 120_000);
  }

  #open({
    number,
    grpc,
    http,
    store,
    files,
  }: Omit<Member, "node" | "life" | "listeners">): Pick<Member, "node" | "life" | "listeners"> {
    const { network } = this;
    this.#lives += 1;
    const place = `${grpc} life ${this.#lives}`;
    const runtime = new Life(this.runtime, place);
    const node = new DataNode({
      runtime,
      store,
      files,
      sessions: (counter, hello) => new MemorySessionDialer(network, place, runtime, counter, hello),
      bulk: new MemoryBulkClient(network, place, runtime),
      supernodes: new SuperNodes(new MemoryControlDialer(network, place, runtime), [SUPERNODE]),
      self: number,
      diskId: `disk-${number}`,
      map: this.map,
      version: "test",
      capacityBytes: 1e9,
      onFatal: (error) => void this.fatal.push(error),
    });
    const opened = node.open().then(() => node.start());
    this.runtime.advance(2);
    void opened;
    const sessions = { handler: node, hello: () => node.greeting(), counter: node.counter };
    const bulk = {
      putChunk: node.chunks.putChunk.bind(node.chunks),
      openChunk: node.chunks.openChunk.bind(node.chunks),
      reportChunk: node.chunks.reportChunk.bind(node.chunks),
      metrics: () => node.metrics(),
    };
    return {
      node,
      life: runtime,
      listeners: [network.listen(grpc, { sessions, control: node }), network.listen(http, { bulk })],
    };
  }

  #supernode(): SuperNodeApi {
    const map = this.map;
    const never = (): Promise<never> => Promise.reject(new Error("not asked in these tests"));
    return {
      getMap: async () => ({ map, loads: [], counter: 1 }),
      join: async ({ number }) => ({ number, map }),
      heartbeat: async () => ({ map: null, loads: [] }),
      list: never,
      usage: never,
      status: never,
    };
  }
}
