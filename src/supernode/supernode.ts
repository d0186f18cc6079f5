/**
 * The SuperNode: membership and the map, the catalogue and what is asked of it. It is not on the data path: while it is
 * away, puts and gets go on, and what they did is listed when it is back. Composed over ports only.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { ADAPTIVE } from "../cluster/quorum-spec.ts";
import { SUPERNODE_MAINTENANCE_MS, SWEEP_MS } from "../limits.ts";
import type {
  Cancel,
  CatalogueStore,
  LamportCounter,
  MapStore,
  QuorumChanger,
  Runtime,
  SessionDialer,
  SuperNodeApi,
  SuperNodeState,
} from "../ports.ts";
import {
  type ClusterMap,
  type HeartbeatReply,
  type HeartbeatRequest,
  type JoinReply,
  type JoinRequest,
  type ListReply,
  type ListRequest,
  type MapReply,
  NodeState,
  type StatusReply,
  type StatusRequest,
  type UsageReply,
  type UsageRequest,
} from "../wire/messages.ts";
import { Admission } from "./admission.ts";
import { Catalogue } from "./catalogue.ts";
import { Fence } from "./fence.ts";
import { ageMs } from "./freshness.ts";
import { Listing } from "./listing.ts";
import { LogFollower } from "./log-follower.ts";
import { Membership } from "./membership.ts";
import { gauges } from "./metrics.ts";
import { DialedNodes, type Nodes } from "./nodes.ts";
import { noLiveChanges, QuorumController } from "./quorum-controller.ts";
import { Settler } from "./settler.ts";
import { statusReply } from "./status.ts";

export interface SuperNodeParts {
  readonly runtime: Runtime;
  readonly maps: MapStore;
  readonly catalogue: CatalogueStore;
  /** Sessions to the DataNodes. */
  readonly dialer: SessionDialer;
  /** Observes what the DataNodes' batches carry; never issues. */
  readonly counter: LamportCounter;
  /** As firstState gave it. */
  readonly state: SuperNodeState;
  /** DataNodes that must have joined before the partitions are assigned; at least, and by default, the policy's n. */
  readonly expect?: number | undefined;
  /** What an adaptive quorum is changed by; undefined: live changes are not available. */
  readonly quorumChanger?: QuorumChanger | undefined;
}

export class SuperNode implements SuperNodeApi {
  readonly #runtime: Runtime;
  readonly #store: CatalogueStore;
  readonly #counter: LamportCounter;
  readonly #membership: Membership;
  readonly #admission: Admission;
  readonly #nodes: Nodes;
  readonly #catalogue: Catalogue;
  readonly #settler: Settler;
  readonly #fence: Fence;
  readonly #listing: Listing;
  readonly #followers = new Map<NodeNumber, LogFollower>();
  /** Undefined: the quorum is fixed. */
  readonly #quorums: QuorumController | undefined;
  readonly #startedMs: number;
  #cancelSweep: Cancel = () => undefined;
  #cancelMaintenance: Cancel = () => undefined;
  #stopped = false;

  constructor(parts: SuperNodeParts) {
    const { runtime, dialer } = parts;
    this.#runtime = runtime;
    this.#store = parts.catalogue;
    this.#counter = parts.counter;
    this.#membership = new Membership(runtime, parts.maps, parts.state, parts.expect ?? 0, () => this.#followAll());
    this.#admission = new Admission(this.#membership, dialer);
    const map = () => this.#membership.map;
    this.#nodes = new DialedNodes(map, dialer);
    this.#catalogue = new Catalogue(runtime, parts.catalogue, map, () => this.#fence.hurried);
    this.#settler = new Settler(runtime, this.#catalogue, this.#nodes);
    this.#fence = new Fence(runtime, this.#catalogue, this.#nodes, () => this.#hurry());
    if (parts.state.map.policy.name === ADAPTIVE) {
      const heartbeat = (number: NodeNumber) => this.#membership.vitals(number)?.heartbeat;
      this.#quorums = new QuorumController(runtime, { map, heartbeat }, parts.quorumChanger ?? noLiveChanges);
    }
    this.#startedMs = runtime.clock.monotonicMs();
    this.#listing = new Listing(parts.catalogue, this.#fence, map, () =>
      ageMs(runtime.clock, this.#catalogue, map(), this.#startedMs),
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
    this.#armSweep();
    this.#armMaintenance();
    this.#quorums?.start();
  }

  /** Ends everything that runs by itself. The stores stay open. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelSweep();
    this.#cancelMaintenance();
    this.#quorums?.stop();
    this.#membership.stop();
    for (const follower of this.#followers.values()) follower.stop();
    this.#storeProgress();
  }

  async getMap(): Promise<MapReply> {
    return { map: this.map, loads: this.#membership.loads(), counter: this.#counter.current() };
  }

  /** @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, BAD_REQUEST, STORAGE_FULL */
  async join(request: JoinRequest): Promise<JoinReply> {
    return await this.#admission.join(request);
  }

  /** @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, STORAGE_FULL */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatReply> {
    return this.#membership.heartbeat(request);
  }

  /** @throws QdfsError BAD_PATH, NOT_FOUND (no such node) */
  async list(request: ListRequest): Promise<ListReply> {
    return await this.#listing.list(request);
  }

  /** @throws QdfsError BAD_PATH */
  async usage(request: UsageRequest): Promise<UsageReply> {
    return await this.#listing.usage(request);
  }

  async status(request: StatusRequest): Promise<StatusReply> {
    const incomplete = request.eventual ? "" : await this.#fence.pass();
    return statusReply({
      map: this.map,
      totals: this.#store.totals(),
      vitals: (number) => this.#membership.vitals(number),
      nowMs: this.#runtime.clock.monotonicMs(),
      incomplete,
      alarmOf: (number) => this.#followers.get(number)?.alarm ?? "",
      adaptive: this.#quorums?.status() ?? null,
    });
  }

  /** The text of /metrics. */
  metrics(): string {
    return gauges(this.map, this.#store.totals(), this.#catalogue.pendingFiles, this.#quorums?.status() ?? null);
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
      const follower = new LogFollower(number, this.#runtime, this.#nodes, this.#catalogue, () => this.#fence.hurried);
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
