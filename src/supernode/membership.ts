/**
 * Who belongs to the cluster, and who is up: the keeper of the cluster map. Every change of the map is durable before anybody
 * is told of it, has the next version, and is logged.
 *
 * A DataNode is its disk: a number goes with a disk identity for ever, and a wiped disk joins as a new node (I2). States follow
 * the heartbeats; the data path does not depend on them, they only say whom to ask first.
 */
import { assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { isNewerMap } from "../cluster/map.ts";
import { firstAssignment } from "../cluster/placement.ts";
import { DOWN_AFTER_MS, HEARTBEAT_MS, SUSPECT_AFTER_MS } from "../limits.ts";
import type { Cancel, MapStore, Runtime, SuperNodeState } from "../ports.ts";
import {
  type ClusterMap,
  type HeartbeatReply,
  type HeartbeatRequest,
  type Node,
  type NodeLoad,
  NodeState,
} from "../wire/messages.ts";

/** What a node said with its last heartbeat. In memory only. */
export interface Vitals {
  readonly heardMs: number;
  readonly heartbeat: HeartbeatRequest | undefined;
}

const STATE_WORDS = ["up", "suspect", "down", "draining"] as const;

export class Membership {
  readonly #runtime: Runtime;
  readonly #store: MapStore;
  /** DataNodes that must have joined before the partitions are assigned. */
  readonly #expect: number;
  readonly #onChange: () => void;
  readonly #vitals = new Map<NodeNumber, Vitals>();
  #state: SuperNodeState;
  #cancelTick: Cancel = () => undefined;
  #tickedMs: number;

  /** `expect`: at least the policy's n. `onChange` is called after every change of the map. */
  constructor(runtime: Runtime, store: MapStore, state: SuperNodeState, expect: number, onChange: () => void) {
    this.#runtime = runtime;
    this.#store = store;
    this.#state = state;
    this.#expect = Math.max(expect, state.map.policy.n);
    this.#onChange = onChange;
    this.#tickedMs = runtime.clock.monotonicMs();
    for (const node of state.map.nodes) this.#vitals.set(node.number, { heardMs: this.#tickedMs, heartbeat: undefined });
  }

  get map(): ClusterMap {
    return this.#state.map;
  }

  vitals(number: NodeNumber): Vitals | undefined {
    return this.#vitals.get(number);
  }

  /** Hints of the nodes that are heard; they change too often for the map. */
  loads(): readonly NodeLoad[] {
    return this.map.nodes.flatMap((node) =>
      node.state === NodeState.UP ? (this.#vitals.get(node.number)?.heartbeat?.load ?? []) : [],
    );
  }

  /** `supernodes`: where SuperNodes are reached now. Stores the state. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  start(supernodes: readonly string[]): void {
    const { map } = this;
    if (map.version === 0 || map.supernodes.join() !== supernodes.join())
      this.#keep({ ...map, version: map.version + 1, supernodes });
    this.#amend(this.map.nodes); // perhaps with another --expect
    this.#tickedMs = this.#runtime.clock.monotonicMs();
    this.#armTick();
  }

  stop(): void {
    this.#cancelTick();
  }

  /**
   * Makes a node a member: a new one with the next number (`number` undefined), or one that is back, perhaps at other addresses.
   * `others` are the members as they are to be.
   * @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE: not admitted
   */
  admit(described: Omit<Node, "number" | "state">, others: readonly Node[], number?: NodeNumber): Node {
    const next = this.#state.nextNodeNumber;
    const node: Node = { ...described, number: number ?? next, state: NodeState.UP };
    const nodes = [...others.filter((other) => other.number !== node.number), node].sort((a, b) => a.number - b.number);
    this.#heard(node.number, undefined);
    this.#amend(nodes, Math.max(next, node.number + 1));
    return node;
  }

  /** @throws QdfsError WRONG_CLUSTER; NOT_ALLOWED: no member */
  heartbeat(request: HeartbeatRequest): HeartbeatReply {
    const { map } = this;
    requireCluster(map, request.clusterId);
    const number = request.load.number;
    const node = map.nodes.find((candidate) => candidate.number === number);
    if (node === undefined) throw new QdfsError("NOT_ALLOWED", `${nodeName(number)} is not a member of cluster ${map.clusterId}`);
    this.#heard(number, request);
    const state = request.leaving ? NodeState.DOWN : NodeState.UP;
    if (node.state !== state) this.#setStates([{ ...node, state }]);
    const held = { ...map, generation: request.mapGeneration, version: request.mapVersion };
    return { map: isNewerMap(this.map, held) ? this.map : null, loads: this.loads() };
  }

  #heard(number: NodeNumber, heartbeat: HeartbeatRequest | undefined): void {
    const heardMs = this.#runtime.clock.monotonicMs();
    this.#vitals.set(number, { heardMs, heartbeat: heartbeat ?? this.#vitals.get(number)?.heartbeat });
  }

  #armTick(): void {
    this.#cancelTick = this.#runtime.timers.after(HEARTBEAT_MS, () => {
      this.#armTick();
      this.#tick();
    });
  }

  /** Whoever was not heard for long becomes suspect, then down. */
  #tick(): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    const lateMs = nowMs - this.#tickedMs - HEARTBEAT_MS;
    this.#tickedMs = nowMs;
    // This process itself stood still: what was sent meanwhile is yet to be read, so nobody is blamed for the time.
    if (lateMs > HEARTBEAT_MS) {
      for (const [number, vitals] of this.#vitals) this.#vitals.set(number, { ...vitals, heardMs: vitals.heardMs + lateMs });
      return;
    }
    const worse = this.map.nodes.flatMap((node) => {
      const silentMs = nowMs - (this.#vitals.get(node.number)?.heardMs ?? nowMs);
      const state = silentMs >= DOWN_AFTER_MS ? NodeState.DOWN : silentMs >= SUSPECT_AFTER_MS ? NodeState.SUSPECT : node.state;
      return node.state === NodeState.DOWN || state === node.state ? [] : [{ ...node, state }];
    });
    if (worse.length === 0) return;
    try {
      this.#setStates(worse);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("a change of the map cannot be stored; it is tried again", { error: messageOf(error) });
    }
  }

  #setStates(changed: readonly Node[]): void {
    this.#amend(this.map.nodes.map((node) => changed.find(({ number }) => number === node.number) ?? node));
  }

  /** Makes the next map of these nodes, durably, if it says anything new. */
  #amend(nodes: readonly Node[], nextNodeNumber = this.#state.nextNodeNumber): void {
    const { map } = this;
    const live = nodes.filter((node) => node.state !== NodeState.DOWN);
    const assign = map.partitions.length === 0 && live.length >= this.#expect;
    const partitions = assign ? firstAssignment(live, map.policy) : map.partitions;
    const waitingFor = partitions.length > 0 ? "" : waitingWords(live.length, this.#expect);
    if (JSON.stringify(nodes) === JSON.stringify(map.nodes) && waitingFor === map.waitingFor && !assign) return;
    const next: ClusterMap = { ...map, version: map.version + 1, nodes, partitions, waitingFor };
    assert(nextNodeNumber > Math.max(0, ...nodes.map((node) => node.number)), "node numbers are never reused");
    this.#keep(next, nextNodeNumber);
    this.#logChanges(map, next);
    this.#onChange();
  }

  #logChanges(before: ClusterMap, after: ClusterMap): void {
    const { log } = this.#runtime;
    for (const node of after.nodes) {
      const was = before.nodes.find(({ number }) => number === node.number);
      const fields = { grpc: node.grpc, zone: node.zone, weight: node.weight, mapVersion: after.version };
      if (was === undefined) log.info(`${nodeName(node.number)} was admitted`, fields);
      else if (was.grpc !== node.grpc) log.info(`${nodeName(node.number)} has moved`, { ...fields, from: was.grpc });
      if (was === undefined || was.state === node.state) continue;
      const words = `${nodeName(node.number)} is ${STATE_WORDS[node.state]}, was ${STATE_WORDS[was.state]}`;
      if (node.state === NodeState.UP) log.info(words, { mapVersion: after.version });
      else log.warn(words, { mapVersion: after.version });
    }
    if (before.partitions !== after.partitions) log.info("the partitions are assigned", { mapVersion: after.version });
  }

  /** Durable first, then ours (I1). */
  #keep(map: ClusterMap, nextNodeNumber = this.#state.nextNodeNumber): void {
    const state = { map, nextNodeNumber };
    this.#store.save(state);
    this.#state = state;
  }
}

/** @throws QdfsError WRONG_CLUSTER */
export function requireCluster(map: ClusterMap, clusterId: string): void {
  if (clusterId === "" || clusterId === map.clusterId) return;
  throw new QdfsError("WRONG_CLUSTER", `that DataNode belongs to cluster ${clusterId}; this is cluster ${map.clusterId}`, {
    cluster: map.clusterId,
  });
}

function waitingWords(joined: number, expect: number): string {
  const missing = expect - joined;
  return `waiting for ${missing} more DataNode${missing === 1 ? "" : "s"}: ${joined} of ${expect} have joined`;
}
