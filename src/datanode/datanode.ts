/**
 * A DataNode over ports: replica, coordinator, chunks, change log, membership, put together. serve.ts gives it real sockets
 * and disks, the simulator simulated ones.
 */
import { assert, codeOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { isReplica } from "../cluster/map.ts";
import { isJoining } from "../cluster/moves.ts";
import { ADAPTIVE } from "../cluster/quorum-spec.ts";
import {
  CATCH_UP_BUSY_EVERY_MS,
  CATCH_UP_EVERY_MS,
  CEILING_STEP,
  DRAIN_MS,
  FREE_BYTES_MIN,
  HOUSEKEEPING_MS,
  QUIET_OPERATIONS_PER_SEC,
} from "../limits.ts";
import type {
  BulkClient,
  Cancel,
  ChunkFiles,
  DataNodeApi,
  LamportCounter,
  NodeStore,
  Runtime,
  Session,
  SessionDialer,
  SessionHandler,
  SessionState,
} from "../ports.ts";
import { BallotCounter } from "../register/counter.ts";
import type { RepairReply, RepairRequest, ScrubReport, ScrubRequest } from "../wire/maintenance-messages.ts";
import type { FollowReply, FollowRequest, JoinRequest } from "../wire/membership-messages.ts";
import type { Chosen, ClusterMap, Hello, MapReply, Request } from "../wire/messages.ts";
import { Account } from "./account.ts";
import { Alarms } from "./alarms.ts";
import { CatchUp } from "./catch-up.ts";
import { ChangeLog } from "./change-log.ts";
import { checkFollow } from "./check-request.ts";
import { ChunkStore } from "./chunk-store.ts";
import { Completer } from "./completer.ts";
import { ContentSource } from "./content-source.ts";
import { Coordinator } from "./coordinator.ts";
import { Damages } from "./damages.ts";
import { DifferenceMender } from "./difference-mender.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Entropy } from "./entropy.ts";
import { Freshness } from "./freshness.ts";
import { GarbageKeeper } from "./garbage-keeper.ts";
import { HeldRanges } from "./held-ranges.ts";
import { LeftoverSweep } from "./leftovers.ts";
import { LoadMeter } from "./load-meter.ts";
import { Maintenance } from "./maintenance.ts";
import { MapKeeper } from "./map-keeper.ts";
import { MapSeeker } from "./map-seeker.ts";
import { Heartbeats, knownSuperNodes, type SuperNodes } from "./membership.ts";
import { Mender } from "./mender.ts";
import { Peers } from "./peers.ts";
import { Replica } from "./replica.ts";
import { Rescan } from "./rescan.ts";
import { Scanner } from "./scanner.ts";
import { Scrub } from "./scrub.ts";
import type { Reply } from "./turn.ts";

export interface DataNodeParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly files: ChunkFiles;
  readonly sessions: (counter: LamportCounter, hello: () => Hello) => SessionDialer;
  readonly bulk: BulkClient;
  readonly supernodes: SuperNodes;
  /** What it said of itself when it joined. */
  readonly joined: JoinRequest;
  readonly self: NodeNumber;
  readonly diskId: string;
  /** The map of a newcomer's admission. A member begins with the adopted one on its disk; what is newer is for `adopt`. */
  readonly map: ClusterMap;
  readonly version: string;
  readonly capacityBytes: number;
  /** Every stored byte is read again within this long. */
  readonly scrubPeriodMs: number;
  /** False: replicas are not compared with each other. Default true. */
  readonly compares?: boolean;
  /** A broken invariant or an unusable disk: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

export class DataNode implements SessionHandler, DataNodeApi {
  readonly #parts: DataNodeParts;
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly counter: BallotCounter;
  readonly #replica: Replica;
  readonly #maps: MapKeeper;
  readonly #peers: Peers;
  readonly #coordinator: Coordinator;
  readonly #alarms: Alarms;
  readonly #catchUp: CatchUp;
  readonly #freshness: Freshness;
  readonly #heartbeats: Heartbeats;
  readonly #leftovers: LeftoverSweep;
  readonly #completer: Completer;
  readonly #rescan: Rescan;
  readonly #ranges: HeldRanges;
  readonly entropy: Entropy;
  readonly #garbage: GarbageKeeper;
  readonly #seeker: MapSeeker;
  readonly #load: LoadMeter;
  readonly #dialer: SessionDialer;
  readonly #peerStates = new Map<NodeNumber, SessionState>();
  readonly chunks: ChunkStore;
  readonly #mender: Mender;
  readonly #scrub: Scrub;
  readonly #maintenance: Maintenance;
  readonly #dispatcher: Dispatcher;
  readonly #account: Account;
  #cancelHousekeeping: Cancel | undefined;
  #lastHousekeepingMs = 0;
  #lastCatchUpMs = 0;
  #freeBytes = 0;
  #stopping = false;

  constructor(parts: DataNodeParts) {
    this.#parts = parts;
    const { runtime, store, self, diskId } = parts;
    this.#runtime = runtime;
    this.#store = store;
    this.counter = new BallotCounter(store.ceiling());
    this.#replica = new Replica(runtime, store, this.counter, parts.onFatal, {
      numberOf: (path) => this.#maps.numberOf(path),
      numberOfPartition: (partition) => this.#maps.numberOfPartition(partition),
      partitionOf: (path) => this.#maps.partitionOf(path),
    });
    // What is on disk is in force; what came with the admission is adopted like any other (P16).
    this.#maps = new MapKeeper(
      self,
      store.map() ?? parts.map,
      {
        diskId,
        adopt: (...map) => this.#leftovers.adopt(...map),
        follow: (claim) => this.#replica.write({ followed: claim }),
      },
      store.followed(),
    );
    this.#dialer = parts.sessions(this.counter, () => this.greeting());
    this.#peers = new Peers(
      this.#maps,
      { submit: (body, reply) => this.#dispatcher.local(body, reply), chosen: (hint) => this.#replica.chosen(hint) },
      this.#dialer,
      runtime,
      (node) => this.#heartbeats.waitingAt(node),
    );
    this.#coordinator = new Coordinator(runtime, this.#maps, this.counter, this.#replica, this.#peers);
    this.#alarms = new Alarms(runtime.log);
    const damages = new Damages(this.#alarms);
    this.chunks = new ChunkStore({
      runtime,
      store,
      replica: this.#replica,
      files: parts.files,
      bulk: parts.bulk,
      maps: this.#maps,
      peers: this.#peers,
      alarms: this.#alarms,
      damages,
      diskId,
      isNamed: (owner, chunk) => this.#mender.names(owner, chunk),
      onArrival: (chunk) => this.#garbage.arrived(chunk),
      onFatal: parts.onFatal,
    });
    this.#freshness = new Freshness(runtime.clock, this.#maps);
    this.#catchUp = new CatchUp({
      runtime,
      store,
      maps: this.#maps,
      peers: this.#peers,
      replica: this.#replica,
      coordinator: this.#coordinator,
      chunks: this.chunks,
      freshness: this.#freshness,
      taken: (path) => this.#mender.tookOver(path),
    });
    this.#leftovers = new LeftoverSweep({
      runtime,
      store,
      replica: this.#replica,
      maps: this.#maps,
      chunks: this.chunks,
      onFatal: parts.onFatal,
    });
    this.#completer = new Completer({
      runtime,
      maps: this.#maps,
      peers: this.#peers,
      replica: this.#replica,
      contents: new ContentSource(this.#replica, this.#peers),
      catchUp: this.#catchUp,
      chunks: this.chunks,
    });
    this.#rescan = new Rescan({
      runtime,
      maps: this.#maps,
      peers: this.#peers,
      coordinator: this.#coordinator,
      onFatal: parts.onFatal,
    });
    const { onFatal } = parts;
    const own = { runtime, store, maps: this.#maps, peers: this.#peers, replica: this.#replica };
    const holdings = { coordinator: this.#coordinator, completer: this.#completer, chunks: this.chunks };
    this.#ranges = new HeldRanges({ ...own, isDoomed: (chunk) => this.chunks.isDoomed(chunk) });
    const isBusy = (): boolean => this.#load.perSec() > QUIET_OPERATIONS_PER_SEC;
    this.entropy = new Entropy({
      ...own,
      ranges: this.#ranges,
      mender: new DifferenceMender({ ...own, ...holdings }),
      alarms: this.#alarms,
      isBusy,
      onFatal,
    });
    this.#garbage = new GarbageKeeper({ ...own, coordinator: this.#coordinator, chunks: this.chunks, onFatal });
    this.#load = new LoadMeter(runtime.clock);
    const mending = {
      runtime,
      store,
      maps: this.#maps,
      peers: this.#peers,
      replica: this.#replica,
      chunks: this.chunks,
      alarms: this.#alarms,
      damages,
      onFatal: parts.onFatal,
    };
    this.#mender = new Mender({ ...mending, coordinator: this.#coordinator, catchUp: this.#catchUp });
    this.#scrub = new Scrub({
      ...mending,
      mender: this.#mender,
      periodMs: parts.scrubPeriodMs,
      isBusy,
    });
    this.#maintenance = new Maintenance({ ...mending, mender: this.#mender, scrub: this.#scrub });
    this.#heartbeats = new Heartbeats(runtime, parts.supernodes, this.#maps, parts.joined, () =>
      this.#account.report(this.#freeBytes),
    );
    this.#seeker = new MapSeeker(runtime, this.#maps, this.#peers, () => this.#heartbeats.send(false));
    this.#dispatcher = new Dispatcher({
      ...mending,
      counter: this.counter,
      coordinator: this.#coordinator,
      changes: new ChangeLog(runtime, store, this.#replica, diskId, this.#maps),
      completer: this.#completer,
      scanner: new Scanner(store, this.#maps, this.#replica, parts.onFatal),
      ranges: this.#ranges,
      rescan: this.#rescan,
      seeker: this.#seeker,
      mender: this.#mender,
      freshness: this.#freshness,
      load: this.#load,
    });
    this.#account = new Account({
      ...mending,
      self,
      capacityBytes: parts.capacityBytes,
      version: parts.version,
      coordinator: this.#coordinator,
      catchUp: this.#catchUp,
      scrub: this.#scrub,
      entropy: this.entropy,
      garbage: this.#garbage,
      load: this.#load,
      dispatcher: this.#dispatcher,
    });
    this.#maps.onBehind(() => this.#seeker.seek());
    this.#maps.onDisplaced(parts.onFatal);
    this.#maps.watch((map, before) => {
      parts.supernodes.know(knownSuperNodes(store));
      this.#moved(map, before);
    });
  }

  /** Makes the first ceiling durable (P3) and the map adopted; then requests may come. */
  async open(): Promise<void> {
    const map = this.#store.map() === undefined ? { map: this.#parts.map } : {};
    await this.#replica.write({ ceiling: this.counter.ceilingFor(this.counter.ceiling), ...map });
    assert(this.counter.ceiling >= CEILING_STEP, "a node that serves has a durable ceiling (P3)");
  }

  /** Begins heartbeats, housekeeping and catching up. */
  start(): void {
    this.#lastHousekeepingMs = this.#runtime.clock.monotonicMs();
    this.chunks.start();
    this.#housekeeping();
    this.#heartbeats.start();
    this.#leftovers.later();
    this.#garbage.start();
    const caughtUp = this.#beginCatchUp();
    if (this.#parts.compares !== false) void caughtUp.then(() => this.entropy.begin());
  }

  /** What this node says of itself at the start of every session. */
  greeting(): Hello {
    return { clusterId: this.#maps.map.clusterId, node: this.#maps.self, version: this.#parts.version };
  }

  /** A newer map, from wherever. */
  adopt(map: ClusterMap): Promise<void> {
    return this.#maps.adopt(map);
  }

  /** Partitions have changed hands, some of ours perhaps. */
  #moved(map: ClusterMap, before: ClusterMap): void {
    if (map.partitions.every(({ number }, partition) => number === before.partitions[partition]?.number)) return;
    this.#freshness.forget();
    this.#leftovers.later();
    const { self } = this.#maps;
    const joined = map.partitions.some((configuration, partition) => {
      const then = before.partitions[partition];
      return then !== undefined && isJoining(then, self) && isReplica(configuration, self) && !isJoining(configuration, self);
    });
    if (joined) this.#scrub.again();
  }

  async getMap(): Promise<MapReply> {
    const { version } = this.#parts;
    const wallMs = this.#runtime.clock.wallMs();
    return { map: this.#maps.map, loads: this.#heartbeats.loads, counter: this.counter.current(), wallMs, version };
  }

  /** Follows a SuperNode that was rebuilt, and looks for it where it says it is. */
  async follow({ clusterId, generation, life, supernode }: FollowRequest): Promise<FollowReply> {
    const { clusterId: own } = this.#maps.map;
    if (clusterId !== own) throw new QdfsError("WRONG_CLUSTER", `this DataNode belongs to cluster ${own}, not ${clusterId}`);
    checkFollow({ generation, life, supernode }, this.#maps.generation);
    const map = await this.#maps.follow({ generation, life, supernode });
    this.#parts.supernodes.know(knownSuperNodes(this.#store));
    return { map, number: this.#maps.self, diskId: this.#parts.diskId };
  }

  /** Finishes what is under way, says goodbye to the SuperNode, and closes the disk. Nothing may be submitted afterwards. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#dispatcher.stop();
    this.#cancelHousekeeping?.();
    this.#catchUp.stop();
    this.entropy.stop();
    this.#leftovers.stop();
    this.#rescan.stop();
    this.#garbage.stop();
    const patience = new Promise<void>((resolve) => this.#runtime.timers.after(DRAIN_MS, resolve));
    await Promise.race([this.#coordinator.idle(), patience]);
    await this.#heartbeats.stop();
    this.#dialer.close();
    this.#parts.bulk.close();
    const mending = [this.chunks.stop(), this.#mender.stop(), this.#scrub.stop(), this.entropy.idle()];
    await Promise.race([Promise.all([this.#catchUp.idle(), this.#rescan.idle(), this.#garbage.idle(), ...mending]), patience]);
    await this.#replica.flush();
    this.#store.close();
  }

  scrub(request: ScrubRequest): Promise<ScrubReport> {
    return this.#maintenance.scrub(request);
  }

  repair(request: RepairRequest): Promise<RepairReply> {
    return this.#maintenance.repair(request);
  }

  metrics(): string {
    return this.#account.metrics(this.#freeBytes);
  }

  // ------------------------------------------------------------------------------------------------ SessionHandler

  hello(hello: Hello): void {
    const { clusterId } = this.#maps.map;
    if (hello.clusterId !== "" && hello.clusterId !== clusterId) {
      throw new QdfsError("WRONG_CLUSTER", `this DataNode belongs to cluster ${clusterId}, not ${hello.clusterId}`);
    }
  }

  request(request: Request, answer: Reply): void {
    this.#dispatcher.request(request, answer);
  }

  chosen(hint: Chosen): void {
    this.#replica.chosen(hint);
  }

  // ---------------------------------------------------------------------------------------------------- every now and then

  #housekeeping(): void {
    if (this.#stopping) return;
    const now = this.#runtime.clock.monotonicMs();
    const stalled = now - this.#lastHousekeepingMs > 4 * HOUSEKEEPING_MS; // frozen, or starved: accepts may have been missed
    this.#lastHousekeepingMs = now;
    try {
      this.#freeBytes = this.#parts.files.freeBytes();
      this.#alarms.setDiskFull(this.#freeBytes < FREE_BYTES_MIN || this.#replica.full);
      this.#scrub.look();
      this.#replica.full = false; // with room in sight the next commit tells
      this.#store.maintain();
      this.#watchPeers(stalled, now);
      this.#scrub.tick();
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") {
        this.#parts.onFatal(error);
        return;
      }
    }
    this.#cancelHousekeeping = this.#runtime.timers.after(HOUSEKEEPING_MS, () => this.#housekeeping());
  }

  #watchPeers(stalled: boolean, now: number): void {
    const everyMs = this.#load.perSec() < QUIET_OPERATIONS_PER_SEC ? CATCH_UP_EVERY_MS : CATCH_UP_BUSY_EVERY_MS;
    if (stalled || now - this.#lastCatchUpMs > everyMs) void this.#beginCatchUp();
    const isAdaptive = this.#maps.map.policy.name === ADAPTIVE;
    for (const { number } of this.#maps.map.nodes) {
      if (number === this.#maps.self) continue;
      const session: Session = this.#peers.session(number);
      const before = this.#peerStates.get(number);
      const connects = session.state !== "ready" && session.state !== "silent";
      if (connects || isAdaptive) void this.#peers.probe(number, HOUSEKEEPING_MS); // reconnects, and measures
      const isBack = before !== undefined && before !== "ready";
      if (session.state === "ready" && isBack) {
        this.chunks.hurry();
        this.#mender.hurry();
      }
      if (session.state === "ready" && (isBack || this.#catchUp.hasFailed(number))) void this.#catchUp.with(number);
      this.#peerStates.set(number, session.state);
    }
  }

  #beginCatchUp(): Promise<void> {
    this.#lastCatchUpMs = this.#runtime.clock.monotonicMs();
    return this.#catchUp.all().catch(this.#parts.onFatal);
  }
}
