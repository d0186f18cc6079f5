/**
 * Who belongs to the cluster, and who is up: the keeper of the cluster map. Every change of the map is durable before anybody
 * is told of it, has the next version, and is logged.
 *
 * A DataNode is its disk: a number goes with a disk identity for ever, and a wiped disk joins as a new node (I2). States follow
 * the heartbeats (vitals.ts); the data path does not depend on them, they only say whom to ask first.
 */
import { assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { isNewerMap, isReplica } from "../cluster/map.ts";
import { firstAssignment } from "../cluster/placement.ts";
import { withQuorumSince } from "../cluster/quorum-in-force.ts";
import { formatQuorum, type QuorumSpec } from "../cluster/quorum-spec.ts";
import { standingOf } from "../cluster/standing.ts";
import { HEARTBEAT_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import type { MapStore, SuperNodeState } from "../supernode-ports.ts";
import type { HeartbeatReply, HeartbeatRequest } from "../wire/membership-messages.ts";
import { type ClusterMap, type Configuration, type Node, type NodeLoad, NodeState, Standing } from "../wire/messages.ts";
import { type Vitals, Watch } from "./vitals.ts";

const STATE_WORDS = ["up", "suspect", "down"] as const;
const STANDING_WORDS = ["a member", "being drained", "replaced while it is away", "dead for ever"] as const;

export class Membership {
  readonly #runtime: Runtime;
  readonly #store: MapStore;
  /** DataNodes that must have joined before the partitions are assigned; at least n. */
  readonly #expect: number;
  readonly #onChange: () => void;
  readonly #watches = new Map<NodeNumber, Watch>();
  #state: SuperNodeState;
  #cancelTick: Cancel = () => undefined;
  #tickedMs: number;

  /** `expect`: raised to the policy's n. `onChange` is called after every change of the map. */
  constructor(runtime: Runtime, store: MapStore, state: SuperNodeState, expect: number, onChange: () => void) {
    this.#runtime = runtime;
    this.#store = store;
    this.#state = state;
    this.#expect = expect;
    this.#onChange = onChange;
    this.#tickedMs = runtime.clock.monotonicMs();
    for (const { number, state: was } of state.map.nodes) this.#watches.set(number, new Watch(this.#tickedMs, was));
  }

  get map(): ClusterMap {
    return this.#state.map;
  }

  get nextNodeNumber(): NodeNumber {
    return this.#state.nextNodeNumber;
  }

  vitals(number: NodeNumber): Vitals | undefined {
    return this.#watches.get(number)?.vitals(this.#runtime.clock.monotonicMs());
  }

  /** Hints of the nodes that are heard; they change too often for the map. */
  loads(): readonly NodeLoad[] {
    return this.map.nodes.flatMap((node) =>
      node.state === NodeState.UP ? (this.#watches.get(node.number)?.heartbeat?.load ?? []) : [],
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
  admit(described: Omit<Node, "number" | "state" | "standing" | "held">, others: readonly Node[], number?: NodeNumber): Node {
    const next = this.#state.nextNodeNumber;
    const standing = this.map.nodes.find((other) => other.number === number)?.standing ?? Standing.MEMBER;
    this.#watch(number ?? next).joined(this.#runtime.clock.monotonicMs());
    const node = this.#seen({ ...described, number: number ?? next, state: NodeState.UP, standing });
    const nodes = [...others.filter((other) => other.number !== node.number), node].sort((a, b) => a.number - b.number);
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
    if (standingOf(node) === Standing.DEAD) throw declaredDead(number);
    this.#watch(number).heard(this.#runtime.clock.monotonicMs(), request);
    this.#setStates([this.#seen(node)]);
    const held = { ...map, generation: request.mapGeneration, version: request.mapVersion };
    return { map: isNewerMap(this.map, held) ? this.map : null, loads: this.loads() };
  }

  /** Makes the next map with these configurations, by partition, durably. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  reconfigure(changes: ReadonlyMap<number, Configuration>): void {
    const { map } = this;
    const partitions = map.partitions.map((configuration, partition) => changes.get(partition) ?? configuration);
    this.#keep({ ...map, version: map.version + 1, partitions });
    this.#onChange();
  }

  /** Has partitions placed, or not placed, on members from now on, durably. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  regard(numbers: readonly NodeNumber[], standing: Standing): void {
    this.#setStates(this.map.nodes.flatMap((node) => (numbers.includes(node.number) ? [{ ...node, standing }] : [])));
  }

  /** A member of which no partition has a replica is none any more, for ever. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  dismiss(number: NodeNumber): void {
    const { map } = this;
    const node = map.nodes.find((member) => member.number === number);
    if (node === undefined) return;
    assert(
      map.partitions.every((configuration) => !isReplica(configuration, number)),
      "who holds partitions is not removed",
    );
    const nodes = map.nodes.filter((member) => member !== node);
    const gone = [...(map.gone ?? []), { number, diskId: node.diskId }];
    this.#keep({ ...map, version: map.version + 1, nodes, gone });
    this.#watches.delete(number);
    this.#runtime.log.info(`${nodeName(number)} was removed`, { mapVersion: this.map.version });
    this.#onChange();
  }

  /**
   * Makes the next map with this quorum as what all partitions are to have, durably. Of partitions that are not assigned yet it is what they begin with.
   * @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE
   */
  setQuorum({ n, w, r, name }: QuorumSpec): void {
    const { map } = this;
    const { policy } = map;
    const sinceMs = policy.n === n && policy.w === w && policy.r === r ? policy.sinceMs : 0;
    this.#keep({
      ...map,
      version: map.version + 1,
      policy: { ...policy, n, w, r, name, ...(sinceMs === undefined ? {} : { sinceMs }) },
    });
    this.#runtime.log.info(`the quorum is to be ${formatQuorum({ n, w, r, name })}`, { mapVersion: this.map.version });
    this.#onChange();
    this.#amend(this.map.nodes); // perhaps they are enough now, or too few
  }

  #watch(number: NodeNumber): Watch {
    let watch = this.#watches.get(number);
    if (watch === undefined) {
      watch = new Watch(this.#runtime.clock.monotonicMs(), NodeState.UP);
      this.#watches.set(number, watch);
    }
    return watch;
  }

  /** The node as its heartbeats show it now. What an operator decided of it stays; who was replaced while it was away is a member when it is heard. */
  #seen(node: Node): Node {
    const nowMs = this.#runtime.clock.monotonicMs();
    const watch = this.#watch(node.number);
    const state = watch.look(nowMs);
    const standing = state === NodeState.UP ? standingOfReturned(node) : standingOf(node);
    return { ...node, state, standing, held: watch.heldForMs(nowMs) > 0 };
  }

  #armTick(): void {
    this.#cancelTick = this.#runtime.timers.after(HEARTBEAT_MS, () => {
      this.#armTick();
      this.#tick();
    });
  }

  /** Whoever was not heard for long becomes suspect, then down; who was held back and has been steady is so no more. */
  #tick(): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    const lateMs = nowMs - this.#tickedMs - HEARTBEAT_MS;
    this.#tickedMs = nowMs;
    // This process itself stood still: what was sent meanwhile is yet to be read, so nobody is blamed for the time.
    if (lateMs > HEARTBEAT_MS) {
      for (const watch of this.#watches.values()) watch.excuse(lateMs);
      return;
    }
    try {
      this.#setStates(this.map.nodes.map((node) => this.#seen(node)));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("a change of the map cannot be stored; it is tried again", { error: messageOf(error) });
    }
  }

  /** What differs from the map goes into the next one. */
  #setStates(seen: readonly Node[]): void {
    const changed = seen.filter((now) => {
      const node = this.map.nodes.find(({ number }) => number === now.number);
      return (
        node !== undefined && (node.state !== now.state || standingOf(node) !== standingOf(now) || isHeld(node) !== isHeld(now))
      );
    });
    if (changed.length === 0) return;
    this.#amend(this.map.nodes.map((node) => changed.find(({ number }) => number === node.number) ?? node));
  }

  /** Makes the next map of these nodes, durably, if it says anything new. */
  #amend(nodes: readonly Node[], nextNodeNumber = this.#state.nextNodeNumber): void {
    const { map } = this;
    const live = nodes.filter((node) => node.state !== NodeState.DOWN);
    const expect = Math.max(this.#expect, map.policy.n);
    const assign = map.partitions.length === 0 && live.length >= expect;
    const partitions = assign ? firstAssignment(live, map.policy) : map.partitions;
    const waitingFor = partitions.length > 0 ? "" : waitingWords(live.length, expect);
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
      if (was !== undefined) this.#logState(was, node, after.version);
    }
    if (before.partitions !== after.partitions) log.info("the partitions are assigned", { mapVersion: after.version });
  }

  #logState(was: Node, node: Node, mapVersion: number): void {
    const { log } = this.#runtime;
    const { suspicion = 0, flaps = 0, heldForMs = 0 } = this.vitals(node.number) ?? {};
    const fields = { mapVersion, phi: Math.round(suspicion * 10) / 10, flaps };
    const name = nodeName(node.number);
    if (standingOf(was) !== standingOf(node)) log.info(`${name} is ${STANDING_WORDS[standingOf(node)]}`, { mapVersion });
    if (was.state !== node.state) {
      const words = `${name} is ${STATE_WORDS[node.state]}, was ${STATE_WORDS[was.state]}`;
      if (node.state === NodeState.UP) log.info(words, fields);
      else log.warn(words, fields);
    }
    if (isHeld(was) === isHeld(node)) return;
    if (node.held) log.warn(`${name} comes and goes: it is held back until it is steady`, { ...fields, heldForMs });
    else log.info(`${name} is steady again`, fields);
  }

  /** Durable first, then ours (I1). */
  #keep(next: ClusterMap, nextNodeNumber = this.#state.nextNodeNumber): void {
    const before = this.#state.map;
    const map = withQuorumSince({ ...next, nextNode: nextNodeNumber }, this.#runtime.clock.wallMs());
    const state = { map, nextNodeNumber };
    this.#store.save(state);
    this.#state = state;
    if ((before.policy.sinceMs ?? 0) === 0 && map.policy.sinceMs)
      this.#runtime.log.info(`the quorum ${formatQuorum(map.policy)} is in force`, { mapVersion: map.version });
  }
}

/** Who was replaced while it was away is a member like others when it is back, and is given its share anew (P15). */
function standingOfReturned(node: Node): Standing {
  const standing = standingOf(node);
  return standing === Standing.REPLACED ? Standing.MEMBER : standing;
}

function isHeld({ held }: Node): boolean {
  return held ?? false;
}

export function declaredDead(number: NodeNumber): QdfsError {
  return new QdfsError(
    "NOT_ALLOWED",
    `${nodeName(number)} was declared dead and takes no part any more; start it with an empty data directory, as a new DataNode`,
  );
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
