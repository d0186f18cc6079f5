/**
 * The SuperNode: membership and the map, the catalogue and what is asked of it. It is not on the data path: while it is
 * away, puts and gets go on, and what they did is listed when it is back. Composed over ports only.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { VERSION } from "../base/version.ts";
import { FREE_BYTES_MIN, SUPERNODE_MAINTENANCE_MS, SWEEP_MS } from "../limits.ts";
import type { Cancel, ControlDialer, LamportCounter, Runtime, SessionDialer, SuperNodeApi } from "../ports.ts";
import type { BackupSource, CatalogueStore, MapStore, QuorumChanger, SuperNodeState } from "../supernode-ports.ts";
import type { SetQuorumReply, SetQuorumRequest } from "../wire/change-messages.ts";
import type { LeaveReply, LeaveRequest } from "../wire/leave-messages.ts";
import type { HeartbeatReply, HeartbeatRequest, JoinReply, JoinRequest } from "../wire/membership-messages.ts";
import {
  type BackupReply,
  type ClusterMap,
  type ListReply,
  type ListRequest,
  type MapReply,
  NodeState,
  type UsageReply,
  type UsageRequest,
} from "../wire/messages.ts";
import type { StatusReply, StatusRequest } from "../wire/status-messages.ts";
import { Admission } from "./admission.ts";
import { Catalogue } from "./catalogue.ts";
import { ChangeAges } from "./change-ages.ts";
import { Fence } from "./fence.ts";
import { ageMs } from "./freshness.ts";
import { Leaving } from "./leaving.ts";
import { Listing } from "./listing.ts";
import { LiveQuorum } from "./live-quorum.ts";
import { LogFollower } from "./log-follower.ts";
import { Membership, requireCluster } from "./membership.ts";
import { gauges } from "./metrics.ts";
import { DialedNodes, type Nodes } from "./nodes.ts";
import { type AdaptivePace, QuorumController } from "./quorum-controller.ts";
import { Rebalancer, type RebalancerParts } from "./rebalancer.ts";
import { Settler } from "./settler.ts";
import { filesByPartition, type StatusFacts, statusReply } from "./status.ts";
import { Succession } from "./succession.ts";

export interface SuperNodeParts {
  readonly runtime: Runtime;
  readonly maps: MapStore;
  readonly catalogue: CatalogueStore;
  /** Sessions to the DataNodes. */
  readonly dialer: SessionDialer;
  /** Asks the DataNodes what they go by. */
  readonly control: ControlDialer;
  /** Observes what the DataNodes' batches carry; never issues. */
  readonly counter: LamportCounter;
  /** As firstState gave it. */
  readonly state: SuperNodeState;
  /** DataNodes that must have joined before the partitions are assigned; at least, and by default, the policy's n. */
  readonly expect?: number | undefined;
  /** As the rebalancer has it by itself, if left out. */
  readonly rebalance?: Pick<RebalancerParts, "settleMs" | "changingMax">;
  /** Another SuperNode took this one's place, or its state is an older copy: the process must end. It answers nothing any more. */
  readonly onReplaced: (error: QdfsError) => void;
  /** Undefined: there is no file to make one of. */
  readonly backups?: BackupSource | undefined;
  /** Others take the place of a DataNode that was down for so long; undefined: REPLACE_AFTER_MS, null: never. */
  readonly replaceAfterMs?: number | null | undefined;
  /** What an adaptive quorum is changed by; undefined: by the same change as an operator's. */
  readonly quorumChanger?: QuorumChanger | undefined;
  readonly adaptive?: AdaptivePace | undefined;
}

export class SuperNode implements SuperNodeApi {
  readonly #runtime: Runtime;
  readonly #store: CatalogueStore;
  readonly #counter: LamportCounter;
  readonly #membership: Membership;
  readonly #succession: Succession;
  readonly #admission: Admission;
  readonly #nodes: Nodes;
  readonly #catalogue: Catalogue;
  readonly #settler: Settler;
  readonly #fence: Fence;
  readonly #listing: Listing;
  readonly #rebalancer: Rebalancer;
  readonly #leaving: Leaving;
  readonly #changes = new ChangeAges();
  readonly #followers = new Map<NodeNumber, LogFollower>();
  readonly #live: LiveQuorum;
  readonly #quorums: QuorumController;
  readonly #startedMs: number;
  readonly #backups: BackupSource | undefined;
  #cancelSweep: Cancel = () => undefined;
  #cancelMaintenance: Cancel = () => undefined;
  #stopped = false;

  constructor(parts: SuperNodeParts) {
    const { runtime, dialer } = parts;
    this.#runtime = runtime;
    this.#store = parts.catalogue;
    this.#counter = parts.counter;
    this.#backups = parts.backups;
    this.#membership = new Membership(runtime, parts.maps, parts.state, parts.expect ?? 0, () => this.#mapChanged());
    this.#succession = new Succession(
      runtime,
      parts.control,
      () => this.#membership.map,
      (error) => {
        this.stop();
        parts.onReplaced(error);
      },
    );
    this.#admission = new Admission(this.#membership, dialer);
    const map = () => this.#membership.map;
    this.#nodes = new DialedNodes(map, dialer);
    this.#catalogue = new Catalogue(runtime, parts.catalogue, map, () => this.#fence.hurried);
    this.#settler = new Settler(runtime, this.#catalogue, this.#nodes);
    this.#fence = new Fence(runtime, this.#catalogue, this.#nodes, () => this.#hurry());
    this.#rebalancer = new Rebalancer({
      runtime,
      nodes: this.#nodes,
      reconfigure: (changes) => this.#membership.reconfigure(changes),
      ...parts.rebalance,
      hasRoom: (node) => (this.#membership.vitals(node)?.heartbeat?.freeBytes ?? FREE_BYTES_MIN) >= FREE_BYTES_MIN,
      isHeard: (node) => this.#membership.vitals(node)?.heartbeat !== undefined,
    });
    this.#leaving = new Leaving({
      runtime,
      members: this.#membership,
      totals: () => this.#store.totals(),
      rates: () => this.#rebalancer.rates(),
      replaceAfterMs: parts.replaceAfterMs,
    });
    this.#live = new LiveQuorum({
      runtime,
      membership: this.#membership,
      totals: () => this.#store.totals(),
      rates: () => this.#rebalancer.rates(),
      progress: () => this.#rebalancer.progress(),
    });
    const heartbeat = (number: NodeNumber) => this.#membership.vitals(number)?.heartbeat;
    this.#quorums = new QuorumController(runtime, { map, heartbeat }, parts.quorumChanger ?? this.#live, parts.adaptive);
    this.#startedMs = runtime.clock.monotonicMs();
    this.#listing = new Listing(
      parts.catalogue,
      this.#fence,
      map,
      () => ageMs(runtime.clock, this.#catalogue, map(), this.#startedMs),
      () => map().nodes.flatMap(({ number }) => this.#membership.vitals(number)?.heartbeat?.garbage ?? []),
    );
  }

  get map(): ClusterMap {
    return this.#membership.map;
  }

  /**
   * Begins: the state is stored, the logs are followed. `address`: where this SuperNode is reached, HOST:PORT. To be called
   * before any of the calls below.
   * @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE
   */
  start(address: string): void {
    this.#membership.start([address]);
    this.#followAll();
    this.#rebalancer.start();
    this.#leaving.start();
    this.#armSweep();
    this.#armMaintenance();
    this.#quorums.start();
  }

  /** Ends everything that runs by itself. The stores stay open. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelSweep();
    this.#cancelMaintenance();
    this.#rebalancer.stop();
    this.#leaving.stop();
    this.#live.stop();
    this.#quorums.stop();
    this.#membership.stop();
    for (const follower of this.#followers.values()) follower.stop();
    this.#storeProgress();
  }

  async getMap(): Promise<MapReply> {
    this.#succession.check();
    const wallMs = this.#runtime.clock.wallMs();
    return { map: this.map, loads: this.#membership.loads(), counter: this.#counter.current(), wallMs, version: VERSION };
  }

  /** Of all calls: SUPERSEDED, DATA_DIR_UNUSABLE when this SuperNode was replaced. @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, BAD_REQUEST, STORAGE_FULL */
  async join(request: JoinRequest): Promise<JoinReply> {
    requireCluster(this.map, request.clusterId);
    this.#succession.claimed(request.mapGeneration, 0);
    try {
      return await this.#admission.join(request);
    } catch (error) {
      if (codeOf(error) === "NOT_ALLOWED") await this.#succession.lookNow(); // who was replaced knows not all members, and is to refuse none
      throw error;
    }
  }

  /** @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, STORAGE_FULL */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply> {
    requireCluster(this.map, request.clusterId);
    this.#succession.claimed(request.mapGeneration, request.mapVersion);
    return this.#membership.heartbeat(request);
  }

  /** @throws QdfsError BAD_PATH, NOT_FOUND (no such node) */
  async list(request: ListRequest): Promise<ListReply> {
    this.#succession.check();
    return await this.#listing.list(request);
  }

  /** @throws QdfsError BAD_PATH */
  async usage(request: UsageRequest): Promise<UsageReply> {
    this.#succession.check();
    return await this.#listing.usage(request);
  }

  async status(request: StatusRequest): Promise<StatusReply> {
    this.#succession.check();
    const incomplete = request.eventual ? "" : await this.#fence.pass();
    const reply = statusReply(this.#facts(incomplete));
    return request.partitions ? { ...reply, partitionFiles: filesByPartition(this.map, this.#store.totals()) } : reply;
  }

  #facts(incomplete: string): StatusFacts {
    return {
      map: this.map,
      totals: this.#store.totals(),
      vitals: (number) => this.#membership.vitals(number),
      nowMs: this.#runtime.clock.monotonicMs(),
      incomplete,
      rebalance: this.#rebalancer.progress(),
      alarmOf: (number) => this.#followers.get(number)?.alarm ?? "",
      adaptive: this.#quorums.status(),
      backedUpAtMs: this.#backups?.backedUpAtMs ?? 0,
      ...this.#changes.status(this.#runtime.clock.monotonicMs()),
    };
  }

  /** A DataNode leaves, or stays after all. @throws QdfsError as Leaving.leave */
  async leave(request: LeaveRequest): Promise<LeaveReply> {
    return this.#leaving.leave(request);
  }

  /** @throws QdfsError BAD_QUORUM, CLUSTER_WAITING (fewer DataNodes than n), STORAGE_FULL */
  async setQuorum(request: SetQuorumRequest): Promise<SetQuorumReply> {
    return this.#live.set(request);
  }

  /** @throws QdfsError NOT_ALLOWED, STORAGE_FULL */
  async backup(): Promise<BackupReply> {
    this.#succession.check();
    if (this.#backups === undefined) throw new QdfsError("NOT_ALLOWED", "this SuperNode has no disk to make a backup of");
    const { clusterId, generation, version, nodes } = this.map;
    const file = this.#backups.backup(this.#runtime.clock.wallMs());
    return { file, clusterId, generation, mapVersion: version, nodes: nodes.length };
  }

  /** The text of /metrics. */
  metrics(): string {
    return gauges(statusReply(this.#facts("")), this.map, this.#catalogue.pendingFiles);
  }

  #mapChanged(): void {
    this.#changes.look(this.map, this.#rebalancer.progress(), this.#runtime.clock.monotonicMs());
    this.#followAll();
    this.#rebalancer.poke();
  }

  /** One follower per member. A change of the map may mean that one is back, so nobody pauses. */
  #followAll(): void {
    if (this.#stopped) return;
    const members = new Set(this.map.nodes.map((node) => node.number));
    for (const [number, follower] of this.#followers) {
      if (members.has(number)) continue;
      follower.stop();
      this.#followers.delete(number);
    }
    for (const number of members) {
      if (this.#followers.has(number)) continue;
      const follower = new LogFollower(
        number,
        this.#runtime,
        this.#nodes,
        this.#catalogue,
        () => this.#fence.hurried,
        (generation) => this.#succession.heard(generation),
      );
      this.#followers.set(number, follower);
      void follower.run();
    }
    for (const { number, state } of this.map.nodes) if (state === NodeState.UP) this.#followers.get(number)?.wake();
  }

  /** A listing waits. */
  #hurry(): void {
    for (const follower of this.#followers.values()) follower.wake();
    this.#progress(() => this.#catalogue.commit());
    this.#settler.sweep(true);
  }

  #armSweep(): void {
    this.#cancelSweep = this.#runtime.timers.after(SWEEP_MS, () => {
      this.#armSweep();
      this.#progress(() => this.#catalogue.commitWhenDue());
      this.#settler.sweep(this.#fence.hurried);
    });
  }

  #armMaintenance(): void {
    this.#cancelMaintenance = this.#runtime.timers.after(SUPERNODE_MAINTENANCE_MS, () => {
      this.#armMaintenance();
      this.#storeProgress();
      this.#changes.look(this.map, this.#rebalancer.progress(), this.#runtime.clock.monotonicMs());
    });
  }

  #storeProgress(): void {
    this.#progress(() => {
      this.#catalogue.commit();
      this.#catalogue.storeCursors();
      this.#store.maintain();
    });
  }

  /** What cannot be stored now is tried again: nothing of it is lost. */
  #progress(store: () => void): void {
    try {
      store();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("the catalogue cannot be stored; it is tried again", { error: messageOf(error) });
    }
  }
}
