/**
 * A whole cluster in one process and virtual time: the SuperNode, DataNodes and clients that the executable runs, over
 * memory networks and disks that do what they are told. Processes die and come back; disks stay.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { assemble } from "../client/assemble.ts";
import type { Client } from "../client/client.ts";
import { noMapCache } from "../client/map-cache.ts";
import { isNewerMap } from "../cluster/map.ts";
import { DataNode } from "../datanode/datanode.ts";
import { generationOf } from "../datanode/map-keeper.ts";
import { admit, knownSuperNodes, SuperNodes } from "../datanode/membership.ts";
import type { BulkHandler, NodeWrites, SessionHandler, SuperNodeApi } from "../ports.ts";
import type { FakeRuntime } from "../runtime/fake-runtime.ts";
import { seededRandom } from "../runtime/seeded-random.ts";
import { MemoryCatalogueStore, MemoryMapStore } from "../storage/memory-super-store.ts";
import { LateSuperNode } from "../supernode/late-supernode.ts";
import type { SuperNode } from "../supernode/supernode.ts";
import type { SuperNodeState } from "../supernode-ports.ts";
import { MemoryBulkClient } from "../transport/memory-bulk.ts";
import { MemoryControlDialer } from "../transport/memory-control.ts";
import { type MemoryListener, MemoryNetwork } from "../transport/memory-network.ts";
import { MemorySessionDialer } from "../transport/memory-session.ts";
import type { AnswerBody, ClusterMap, Configuration, Request } from "../wire/messages.ts";
import { Cuts } from "./cuts.ts";
import { Disk, filesOf, storeOf } from "./disk.ts";
import { type ClusterShape, firstDiskId, firstMap } from "./first-map.ts";
import { Life, type WallClock } from "./life.ts";
import { recoveredSuperNode, type SuperDisk, type SuperNodeBoot, superNodeOn } from "./super-host.ts";
import type { Trace } from "./trace.ts";
import { type DetectionObserver, watchedSuperNode } from "./watched-super-node.ts";

export const SUPER_HOST = "super";
const SUPERNODE = `${SUPER_HOST}:1`;
const VERSION = "sim";
const CAPACITY_BYTES = 1e9;
/** Operations are over in a few seconds: what is to meet them begins sooner than in the world. */
const REBALANCE_SETTLE_MS = 50;
/** So that every run has a few passes, and one more within the time that replicas have to agree. */
export const SCRUB_PERIOD_MS = 20_000;

/** What watches the cluster from outside. */
export interface ClusterObserver {
  /** A commit of a disk has become durable. */
  durable(disk: Disk, writes: NodeWrites): void;
  /** A DataNode's process answers a request that came over a session. */
  served(host: DataHost, request: Request, answer: AnswerBody): void;
  /** A DataNode was admitted and begins to serve. */
  serves(disk: Disk): void;
  /** A SuperNode stores a map. */
  issued(map: ClusterMap): void;
  /** A machine was added. */
  joined(host: { readonly name: string }): void;
  /** A SuperNode ended by itself: another one took its place, or it could not be recovered. */
  superNodeEnded(): void;
  /** A process ended with what no process may end with. */
  fatal(host: string, error: unknown): void;
  readonly detection?: DetectionObserver;
}

export interface Host {
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

export interface SuperHost extends Host, SuperDisk {
  /** Undefined: not serving (yet). */
  superNode: SuperNode | undefined;
  /** … as callers meet it. */
  control: SuperNodeApi | undefined;
}

export interface ClientHost extends Host {
  client: Client | undefined;
}

interface SuperBoot extends SuperNodeBoot {
  /** Listens from the beginning. */
  readonly late: LateSuperNode;
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
  /** The one whose SuperNode is the cluster's; others had the place before. */
  superHost: SuperHost;
  readonly superHosts: SuperHost[];
  /** The state at the beginning, as a backup has it. */
  readonly firstState: SuperNodeState;
  readonly dataHosts: DataHost[];
  #hosts: number;
  readonly clientHosts: ClientHost[] = [];
  readonly #trace: Trace;
  readonly #observer: ClusterObserver;
  readonly #seed: number;
  /** By partition and number, every configuration that a map ever had. */
  readonly #configurations: Map<number, Configuration>[];
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
    this.#hosts = shape.nodes;
    this.#configurations = Array.from({ length: shape.partitions }, () => new Map());
    this.superHost = this.#newSuperHost(SUPER_HOST, []);
    this.superHosts = [this.superHost];
    this.firstState = { map: firstMap(shape, SUPERNODE), nextNodeNumber: shape.nodes + 1 };
    this.superHost.maps.save(this.firstState);
    this.#issued(this.firstState.map);
  }

  /** Every host that there is, clients too. */
  get hostNames(): readonly string[] {
    return [...this.superHosts, ...this.dataHosts, ...this.clientHosts].map(({ name }) => name);
  }

  /** The newest map that a SuperNode has stored. */
  get map(): ClusterMap {
    const maps = this.superHosts.flatMap(({ maps: store }) => store.load()?.map ?? []);
    return maps.reduce((newest, map) => (isNewerMap(map, newest) ? map : newest), this.firstState.map);
  }

  /** Undefined: no map ever had it. */
  configuration(partition: number, number: number): Configuration | undefined {
    return this.#configurations[partition]?.get(number);
  }

  latestOf(partition: number): readonly Configuration[] {
    const all = [...(this.#configurations[partition]?.values() ?? [])];
    const numbers = new Set(all.map(({ number }) => number));
    return all.filter(({ number }) => ![1, 2, 3].every((later) => numbers.has(number + later)));
  }

  #issued(map: ClusterMap): void {
    map.partitions.forEach((configuration, partition) => {
      this.#configurations[partition]?.set(configuration.number, configuration);
    });
    this.#observer.issued(map);
  }

  /** The disk of a member, if it is still there; undefined: it was wiped. */
  diskOfNode(node: number): Disk | undefined {
    const member = this.map.nodes.find(({ number }) => number === node);
    return this.dataHosts.find(({ disk }) => disk.diskId === member?.diskId)?.disk;
  }

  /** One more DataNode, which nobody has heard of; it is yet to be started. */
  addDataHost(): DataHost {
    this.#hosts += 1;
    const index = this.#hosts;
    const host: DataHost = { ...this.#host(`data-${index}`), index, disk: this.#newDisk(0), node: undefined };
    this.dataHosts.push(host);
    this.#observer.joined(host);
    return host;
  }

  /** A DataNode that never comes back, nor does its disk. */
  bury(host: DataHost): void {
    this.kill(host, "power");
    this.dataHosts.splice(this.dataHosts.indexOf(host), 1);
  }

  startAll(): void {
    this.#startFirstSuperNode();
    for (const host of this.dataHosts) this.startDataNode(host);
  }

  // ---------------------------------------------------------------------------------------------------- processes

  startDataNode(host: DataHost): void {
    if (!this.dataHosts.includes(host)) return; // buried
    const { life, disk } = { life: this.#begin(host), disk: host.disk };
    life.onDeath(() => {
      host.node = undefined;
      disk.crash(life.random.unit() < 0.5);
    });
    const onFatal = (error: unknown): void => {
      if (life.over) return;
      this.#trace.event(`${host.name} ends: ${messageOf(error)}`);
      if (codeOf(error) === undefined) this.#observer.fatal(host.name, error);
      this.kill(host, "kill");
    };
    this.#boot(host, disk, life, onFatal).catch(onFatal);
  }

  /** As serve.ts, without sockets: admission, opening, serving. */
  async #boot(host: DataHost, disk: Disk, life: Life, onFatal: (error: unknown) => void): Promise<void> {
    const { network } = this;
    const { place } = life;
    const [grpc, http] = [`${host.name}:1`, `${host.name}:2`];
    const store = storeOf(disk, life);
    // To who has no map yet the operator says where the SuperNode is now; who has one has to find out by itself when that changed.
    const given = store.map() === undefined ? `${this.superHost.name}:1` : SUPERNODE;
    const supernodes = new SuperNodes(new MemoryControlDialer(network, place, life), [given], knownSuperNodes(store));
    const { clusterId } = this.map;
    const joined = {
      clusterId: disk.number === 0 ? "" : clusterId,
      number: disk.number,
      diskId: disk.diskId,
      grpc,
      http,
      zone: "",
      weight: 1,
      capacityBytes: CAPACITY_BYTES,
      version: VERSION,
      mapGeneration: generationOf(store.map(), store.followed()),
    };
    const map = await admit(life, supernodes, {
      request: joined,
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
      joined,
      self: disk.number,
      diskId: disk.diskId,
      map,
      version: VERSION,
      capacityBytes: CAPACITY_BYTES,
      scrubPeriodMs: this.shape.heals === "comparing" ? Number.POSITIVE_INFINITY : SCRUB_PERIOD_MS,
      compares: this.shape.heals !== "scrub",
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

  /** The first start of all: nobody is there who could know of another SuperNode. */
  #startFirstSuperNode(): void {
    const boot = this.#superBoot(this.superHost);
    this.#serveSuperNode(this.superHost, boot, superNodeOn(boot));
  }

  /** On a disk without a state of its own the state is recovered first. */
  startSuperNode(host = this.superHost): void {
    const boot = this.#superBoot(host);
    const { life } = boot;
    recoveredSuperNode(boot).then(
      (superNode) => {
        if (!life.over) this.#serveSuperNode(host, boot, superNode);
      },
      (error) => {
        if (!life.over) this.#superNodeEnds(host, error);
      },
    );
  }

  /**
   * The SuperNode's state is lost: another one is made on a machine of its own, of a backup if there is one, and takes its place.
   * `recoverFrom`: the addresses of DataNodes that its operator knows.
   */
  replaceSuperNode(recoverFrom: readonly string[], backup?: SuperNodeState): SuperHost {
    const host = this.#newSuperHost(`${SUPER_HOST}-${this.superHosts.length + 1}`, recoverFrom);
    if (backup !== undefined) host.maps.restore(backup);
    this.superHosts.push(host);
    this.superHost = host;
    this.#observer.joined(host);
    this.startSuperNode(host);
    return host;
  }

  #superBoot(host: SuperHost): SuperBoot {
    const life = this.#begin(host);
    const late = new LateSuperNode();
    const address = `${host.name}:1`;
    host.listeners.push(this.network.listen(address, { control: late }));
    life.onDeath(() => {
      host.superNode = undefined;
      host.control = undefined;
    });
    const { changingMax, replaceAfterMs = null } = this.shape;
    return {
      disk: host,
      life,
      network: this.network,
      address,
      late,
      version: VERSION,
      rebalance: { settleMs: REBALANCE_SETTLE_MS, changingMax },
      replaceAfterMs,
      onReplaced: (error) => {
        if (!life.over) this.#superNodeEnds(host, error);
      },
      onIssued: (map) => {
        if (host === this.superHost) this.#observer.detection?.mapped(map);
        this.#issued(map);
      },
    };
  }

  #serveSuperNode(host: SuperHost, { address, late }: SuperBoot, superNode: SuperNode): void {
    host.superNode = superNode;
    // Of two that are made at the same time the one that came later is the cluster's.
    if (superNode.map.generation > (this.superHost.maps.load()?.map.generation ?? 0)) this.superHost = host;
    const { detection } = this.#observer;
    const counts = (): boolean => host === this.superHost; // one whose place was taken may hear and tell for a while
    if (counts()) detection?.begins(superNode.map);
    const control = detection === undefined ? superNode : watchedSuperNode(superNode, detection, counts);
    host.control = control;
    superNode.start(address);
    late.serve(control);
    this.#trace.event(`${host.name} serves generation ${superNode.map.generation}`);
  }

  #superNodeEnds(host: SuperHost, error: unknown): void {
    this.#trace.event(`${host.name} ends: ${messageOf(error)}`);
    if (codeOf(error) === undefined) this.#observer.fatal(host.name, error);
    this.kill(host, "kill");
    this.#observer.superNodeEnded();
  }

  #newSuperHost(name: string, recoverFrom: readonly string[]): SuperHost {
    const disk = { maps: new MemoryMapStore(), catalogue: new MemoryCatalogueStore(), diskId: `${name}-disk`, recoverFrom };
    return { ...this.#host(name), ...disk, superNode: undefined, control: undefined };
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
}

function bulkOf(node: DataNode): BulkHandler {
  return {
    putChunk: node.chunks.putChunk.bind(node.chunks),
    openChunk: node.chunks.openChunk.bind(node.chunks),
    reportChunk: node.chunks.reportChunk.bind(node.chunks),
    metrics: () => node.metrics(),
  };
}
