/**
 * A whole cluster in one process and virtual time: the SuperNode, DataNodes and clients that the executable runs, over
 * memory networks and disks that do what they are told. Processes die and come back; disks stay.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { assemble } from "../client/assemble.ts";
import type { Client } from "../client/client.ts";
import { noMapCache } from "../client/map-cache.ts";
import { firstAssignment } from "../cluster/placement.ts";
import { DataNode } from "../datanode/datanode.ts";
import { admit, SuperNodes } from "../datanode/membership.ts";
import type { BulkHandler, CatalogueStore, NodeWrites, Runtime, SessionHandler } from "../ports.ts";
import { HeardCounter } from "../register/heard-counter.ts";
import type { FakeRuntime } from "../runtime/fake-runtime.ts";
import { seededRandom } from "../runtime/seeded-random.ts";
import { MemoryCatalogueStore, MemoryMapStore } from "../storage/memory-super-store.ts";
import { firstState } from "../supernode/first-state.ts";
import { SuperNode } from "../supernode/supernode.ts";
import { MemoryBulkClient } from "../transport/memory-bulk.ts";
import { MemoryControlDialer } from "../transport/memory-control.ts";
import { type MemoryListener, MemoryNetwork } from "../transport/memory-network.ts";
import { MemorySessionDialer } from "../transport/memory-session.ts";
import { type AnswerBody, type ClusterMap, type Node, NodeState, type Request } from "../wire/messages.ts";
import { Cuts } from "./cuts.ts";
import { Disk, filesOf, storeOf } from "./disk.ts";
import { Life, type WallClock } from "./life.ts";
import type { Trace } from "./trace.ts";

export const SUPER_HOST = "super";
const SUPERNODE = `${SUPER_HOST}:1`;
const VERSION = "sim";
const CAPACITY_BYTES = 1e9;

export interface ClusterShape {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  /** Of the policy; "custom" if it is not said. */
  readonly quorumName?: string;
  /** DataNodes; at least n. */
  readonly nodes: number;
  readonly partitions: number;
  readonly inlineLimitBytes: number;
  readonly chunkSizeBytes: number;
  readonly keepVersions: number;
}

/** What watches the cluster from outside. */
export interface ClusterObserver {
  /** A commit of a disk has become durable. */
  durable(disk: Disk, writes: NodeWrites): void;
  /** A DataNode's process answers a request that came over a session. */
  served(host: DataHost, request: Request, answer: AnswerBody): void;
  /** A DataNode was admitted and begins to serve. */
  serves(disk: Disk): void;
  /** A process ended with what no process may end with. */
  fatal(host: string, error: unknown): void;
}

interface Host {
  readonly name: string;
  readonly wall: WallClock;
  /** Undefined: no process runs. */
  life: Life | undefined;
  listeners: MemoryListener[];
}

export interface DataHost extends Host {
  /** 1 … nodes; the number of its first disk in the map. */
  readonly index: number;
  disk: Disk;
  /** Undefined: not serving (yet). */
  node: DataNode | undefined;
}

export interface SuperHost extends Host {
  readonly maps: MemoryMapStore;
  readonly catalogue: MemoryCatalogueStore;
  superNode: SuperNode | undefined;
}

export interface ClientHost extends Host {
  client: Client | undefined;
}

/** `kill`: its connections break and the address refuses. `power`: nobody is told anything. */
export type Death = "kill" | "power";

function hostOf(place: string): string {
  return /^[^:/]+/.exec(place)?.[0] ?? place;
}

export class SimCluster {
  readonly runtime: FakeRuntime;
  readonly shape: ClusterShape;
  readonly network: MemoryNetwork;
  readonly cuts: Cuts;
  readonly superHost: SuperHost;
  readonly dataHosts: readonly DataHost[];
  readonly clientHosts: ClientHost[] = [];
  readonly #trace: Trace;
  readonly #observer: ClusterObserver;
  readonly #seed: number;
  #lives = 0;
  #disks = 0;

  constructor(runtime: FakeRuntime, shape: ClusterShape, seed: number, trace: Trace, observer: ClusterObserver) {
    this.runtime = runtime;
    this.shape = shape;
    this.#seed = seed;
    this.#trace = trace;
    this.#observer = observer;
    this.network = new MemoryNetwork(runtime, () => 0.05 + 0.3 * runtime.random.unit(), hostOf);
    this.cuts = new Cuts(this.network);
    this.dataHosts = Array.from({ length: shape.nodes }, (_, i) => ({
      ...this.#host(nodeName(i + 1)),
      index: i + 1,
      disk: this.#newDisk(i + 1),
      node: undefined,
    }));
    this.superHost = {
      ...this.#host(SUPER_HOST),
      maps: new MemoryMapStore(),
      catalogue: new MemoryCatalogueStore(),
      superNode: undefined,
    };
    this.superHost.maps.save({ map: this.#firstMap(), nextNodeNumber: shape.nodes + 1 });
  }

  /** Every host that there is, clients too. */
  get hostNames(): readonly string[] {
    return [this.superHost, ...this.dataHosts, ...this.clientHosts].map(({ name }) => name);
  }

  /** Where partitions stand; they do not move yet. */
  get map(): ClusterMap {
    const state = this.superHost.maps.load();
    if (state === undefined) throw new Error("a cluster begins with a map");
    return state.map;
  }

  /** The DataNode that has a disk now. */
  diskOf(diskId: string): Disk | undefined {
    return this.dataHosts.find(({ disk }) => disk.diskId === diskId)?.disk;
  }

  startAll(): void {
    this.startSuperNode();
    for (const host of this.dataHosts) this.startDataNode(host);
  }

  // ---------------------------------------------------------------------------------------------------- processes

  startDataNode(host: DataHost): void {
    const { life, disk } = { life: this.#begin(host), disk: host.disk };
    life.onDeath(() => {
      host.node = undefined;
      disk.crash(life.random.unit() < 0.5);
    });
    this.#boot(host, disk, life).catch((error) => {
      if (life.over) return;
      this.#trace.event(`${host.name} ends: ${messageOf(error)}`);
      if (codeOf(error) === undefined) this.#observer.fatal(host.name, error);
      this.kill(host, "kill");
    });
  }

  /** As serve.ts, without sockets: admission, opening, serving. */
  async #boot(host: DataHost, disk: Disk, life: Life): Promise<void> {
    const { network } = this;
    const { place } = life;
    const [grpc, http] = [`${host.name}:1`, `${host.name}:2`];
    const store = storeOf(disk, life);
    const supernodes = new SuperNodes(new MemoryControlDialer(network, place, life), [SUPERNODE]);
    const { clusterId } = this.map;
    const onFatal = (error: unknown): void => {
      if (!life.over) this.#observer.fatal(host.name, error);
    };
    const map = await admit(life, supernodes, {
      request: {
        clusterId: disk.number === 0 ? "" : clusterId,
        number: disk.number,
        diskId: disk.diskId,
        grpc,
        http,
        zone: "",
        weight: 1,
        capacityBytes: CAPACITY_BYTES,
        version: VERSION,
      },
      known: store.map(),
      admitted: ({ number }) => {
        disk.number = number;
      },
      onFatal,
    });
    const node = new DataNode({
      runtime: life,
      store,
      files: filesOf(disk, life),
      sessions: (counter, hello) => new MemorySessionDialer(network, place, life, counter, hello),
      bulk: new MemoryBulkClient(network, place, life),
      supernodes,
      self: disk.number,
      diskId: disk.diskId,
      map,
      version: VERSION,
      capacityBytes: CAPACITY_BYTES,
      onFatal,
    });
    await node.open();
    await node.adopt(map);
    if (life.over) return;
    host.node = node;
    const handler = this.#watched(host, node);
    host.listeners.push(
      network.listen(grpc, { sessions: { handler, hello: () => node.greeting(), counter: node.counter }, control: node }),
      network.listen(http, { bulk: bulkOf(node) }),
    );
    node.start();
    this.#observer.serves(disk);
    this.#trace.event(`${host.name} serves as ${nodeName(disk.number)}`);
  }

  #watched(host: DataHost, node: DataNode): SessionHandler {
    return {
      hello: (hello) => node.hello(hello),
      chosen: (hint) => node.chosen(hint),
      request: (request, answer) =>
        node.request(request, (body) => {
          if (host.node === node) this.#observer.served(host, request, body);
          answer(body);
        }),
    };
  }

  startSuperNode(): void {
    const { superHost: host, network } = this;
    const life = this.#begin(host);
    life.onDeath(() => {
      host.superNode = undefined;
    });
    const counter = new HeardCounter();
    const state = firstState(host.maps, undefined, life.random);
    const { clusterId } = state.map;
    const dialer = new MemorySessionDialer(network, life.place, life, counter, () => ({ clusterId, node: 0, version: VERSION }));
    const catalogue = catalogueOf(host.catalogue, life);
    const superNode = new SuperNode({ runtime: life, maps: host.maps, catalogue, dialer, counter, state });
    host.superNode = superNode;
    host.listeners.push(network.listen(SUPERNODE, { control: superNode }));
    superNode.start(SUPERNODE);
    this.#trace.event(`${host.name} serves`);
  }

  /** A client's process; `ready` is called once it has found the cluster, or with undefined when it has not. */
  startClient(name: string, ready: (client: Client | undefined) => void): ClientHost {
    const { network } = this;
    const host: ClientHost = { ...this.#host(name), client: undefined };
    this.clientHosts.push(host);
    const life = this.#begin(host);
    const { place } = life;
    assemble({
      addresses: [SUPERNODE, ...this.dataHosts.map((data) => `${data.name}:1`)],
      cache: noMapCache,
      runtime: life,
      control: new MemoryControlDialer(network, place, life),
      sessions: (counter, clusterId) =>
        new MemorySessionDialer(network, place, life, counter, () => ({ clusterId: clusterId(), node: 0, version: VERSION })),
      bulk: new MemoryBulkClient(network, place, life),
    }).then(
      (client) => {
        if (life.over) return;
        host.client = client;
        ready(client);
      },
      (error) => {
        if (life.over) return;
        if (codeOf(error) === undefined) this.#observer.fatal(name, error);
        ready(undefined);
      },
    );
    return host;
  }

  /** Ends a host's process. What it had made durable stays. */
  kill(host: Host, death: Death): void {
    const { life, listeners } = host;
    if (life === undefined) return;
    this.#trace.event(`${host.name} dies (${death})`);
    host.life = undefined;
    this.network.release(host.name);
    this.network.silence(life.place);
    for (const listener of listeners) listener.vanish();
    life.end();
    if (death === "power") {
      this.cuts.cutHost(host.name, "power", this.hostNames);
      return;
    }
    host.listeners = [];
    // Its peers hear of it a moment later, and never in the middle of what made it die.
    this.runtime.timers.after(0, () => {
      for (const listener of listeners) listener.close();
    });
  }

  /** The process stands still, as with SIGSTOP: connections stay, nothing is answered. */
  freeze(host: Host): void {
    host.life?.freeze();
    this.network.hold(host.name);
  }

  thaw(host: Host): void {
    host.life?.thaw();
    this.network.release(host.name);
  }

  /** The disk is gone, and an empty one is in its place. The process must be dead. */
  wipe(host: DataHost): void {
    host.disk = this.#newDisk(0);
  }

  // ------------------------------------------------------------------------------------------------------- within

  #begin(host: Host): Life {
    this.cuts.healHost(host.name, "power");
    for (const listener of host.listeners) listener.close(); // what was said to the life before is answered by a reset now
    host.listeners = [];
    this.#lives += 1;
    const random = seededRandom(this.#seed + 7919 * this.#lives);
    const place = `${host.name}/${this.#lives}`;
    const trace = this.#trace;
    const say = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      if (trace.verbose) trace.say(`${host.name} says: ${message}${fields === undefined ? "" : ` ${JSON.stringify(fields)}`}`);
    };
    const life = new Life({
      runtime: this.runtime,
      place,
      wall: host.wall,
      random,
      log: { debug: () => {}, info: say, warn: say },
    });
    host.life = life;
    return life;
  }

  #host(name: string): Host {
    return { name, wall: { skewMs: 0, driftShare: 0 }, life: undefined, listeners: [] };
  }

  /** `number`: of a member of the first map; 0: a disk that nobody has heard of. */
  #newDisk(number: number): Disk {
    this.#disks += 1;
    return new Disk({
      diskId: number > 0 ? firstDiskId(number) : `new-disk-${this.#disks}`,
      timers: this.runtime.timers,
      random: this.runtime.random,
      onDurable: (disk, writes) => this.#observer.durable(disk, writes),
    });
  }

  #firstMap(): ClusterMap {
    const {
      n,
      w,
      r,
      quorumName = "custom",
      nodes: count,
      partitions,
      inlineLimitBytes,
      chunkSizeBytes,
      keepVersions,
    } = this.shape;
    const nodes: Node[] = Array.from({ length: count }, (_, i) => ({
      number: i + 1,
      grpc: `${nodeName(i + 1)}:1`,
      http: `${nodeName(i + 1)}:2`,
      zone: "",
      weight: 1,
      state: NodeState.UP,
      diskId: firstDiskId(i + 1),
    }));
    return {
      clusterId: "simulated",
      generation: 1,
      version: 1,
      policy: { n, w, r, name: quorumName, chunkSizeBytes, inlineLimitBytes, keepVersions },
      nodes,
      partitions: firstAssignment(nodes, { n, w, r }, partitions),
      supernodes: [SUPERNODE],
      waitingFor: "",
    };
  }
}

/** The disk that a member of the first map begins with. */
export function firstDiskId(number: number): string {
  return `disk-${number}`;
}

function bulkOf(node: DataNode): BulkHandler {
  return {
    putChunk: node.chunks.putChunk.bind(node.chunks),
    openChunk: node.chunks.openChunk.bind(node.chunks),
    reportChunk: node.chunks.reportChunk.bind(node.chunks),
    metrics: () => node.metrics(),
  };
}

/** The catalogue as one process sees it: not beyond its death. */
function catalogueOf(store: CatalogueStore, life: Runtime & { readonly over: boolean }): CatalogueStore {
  return {
    apply: (writes) => {
      if (!life.over) store.apply(writes);
    },
    entry: (path) => store.entry(path),
    list: (query) => store.list(query),
    usage: (prefix) => store.usage(prefix),
    totals: () => store.totals(),
    cursor: (diskId) => store.cursor(diskId),
    clear: () => store.clear(),
    maintain: () => {},
    close: () => {},
  };
}
