/**
 * Brings partitions to where they belong (moves.ts), one configuration after the other (P16): joint, and when everything is carried over, the
 * new set alone. The SuperNode orders, DataNodes carry out (datanode/rescan.ts). All that must be known for ever is the map: a partition is
 * joint or it is not. The rest is asked again by whoever comes next. A change that nobody wants any more is taken back.
 *
 * It is safe to make a configuration joint at any time: a quorum of it is a quorum of the old set, too, so whatever was chosen before is met. It
 * is safe to end it when some replica of it says that everything is carried over to W of the new replicas, which is so for ever. It is
 * safe to take it back, or to turn it to other replicas, at any time (moves.ts), which is done when who joins, or left, is gone.
 * Neither needs the SuperNode to know who has adopted what; the rescan sees to its barrier.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { isNewerMap, replicasOf } from "../cluster/map.ts";
import { begun, finished, joiningIn, type Move, movesOf, type Turn, turnsOf } from "../cluster/moves.ts";
import { deadOf, placeable } from "../cluster/standing.ts";
import {
  PARTITIONS_CHANGING_MAX,
  QUORUM_PATIENCE_MS,
  REBALANCE_IDLE_MS,
  REBALANCE_LOOK_MS,
  REBALANCE_SETTLE_MS,
  REBALANCE_STEP_MS,
} from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import { barrierNeed, reachesIn, readNeed, writeNeed } from "../register/quorum.ts";
import type { Carried, Rebalance } from "../wire/change-messages.ts";
import { mapCodec } from "../wire/codec.ts";
import { type ClusterMap, type Configuration, NodeState, type ReplicaSet } from "../wire/messages.ts";
import { type Rates, ratesOf } from "./move-rates.ts";
import type { Nodes } from "./nodes.ts";

export interface RebalancerParts {
  readonly runtime: Runtime;
  readonly nodes: Nodes;
  /** Makes the next map with these configurations, by partition, durably. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE */
  readonly reconfigure: (changes: ReadonlyMap<number, Configuration>) => void;
  readonly hasRoom: (node: NodeNumber) => boolean;
  /** A heartbeat has come from it. */
  readonly isHeard: (node: NodeNumber) => boolean;
  /** How long the plan must have stood before anything of it begins, and how many partitions change at a time. */
  readonly settleMs?: number | undefined;
  readonly changingMax?: number | undefined;
}

const NOTHING_MOVED = { partitions: 0, files: 0, chunks: 0, sizeBytes: 0 };

export class Rebalancer {
  readonly #runtime: Runtime;
  readonly #nodes: Nodes;
  readonly #reconfigure: RebalancerParts["reconfigure"];
  readonly #hasRoom: RebalancerParts["hasRoom"];
  readonly #isHeard: RebalancerParts["isHeard"];
  readonly #settleMs: number;
  readonly #changingMax: number;
  /** What is to be moved, and what that was planned for: nodes and policy, since when, and how far it is. */
  #moves: readonly Move[] = [];
  #turns: readonly Turn[] = [];
  #plannedFor: ({ readonly basis: string; readonly sinceMs: number } & Pick<ClusterMap, "partitions" | "nodes">) | undefined;
  /** By partition, who carries it over, and what it said last. */
  readonly #movers = new Map<number, NodeNumber>();
  readonly #carried = new Map<number, Carried>();
  /** Of changes that have ended since there was last nothing to do. */
  #moved = NOTHING_MOVED;
  #movingSinceMs: number;
  /** When the last change of configurations went into the map. */
  #steppedMs = Number.NEGATIVE_INFINITY;
  #cancel: Cancel = () => undefined;
  #looking = false;
  #stopped = false;

  constructor({ runtime, nodes, reconfigure, hasRoom, isHeard, settleMs, changingMax }: RebalancerParts) {
    this.#settleMs = settleMs ?? REBALANCE_SETTLE_MS;
    this.#changingMax = changingMax ?? PARTITIONS_CHANGING_MAX;
    this.#runtime = runtime;
    this.#movingSinceMs = runtime.clock.monotonicMs();
    this.#nodes = nodes;
    this.#reconfigure = reconfigure;
    this.#hasRoom = hasRoom;
    this.#isHeard = isHeard;
  }

  start(): void {
    this.#cancel();
    this.#arm(REBALANCE_IDLE_MS);
  }

  /** The map is another one: perhaps there is something to do. */
  poke(): void {
    if (this.#looking) return;
    this.#plan(this.#nodes.map());
    this.#cancel();
    this.#arm(Math.min(this.#settleMs, REBALANCE_IDLE_MS));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** What is under way, for people; null: everything is where it belongs. */
  progress(): Rebalance | null {
    const map = this.#nodes.map();
    this.#plan(map);
    const changing = changingIn(map);
    if (changing.length + this.#moves.length === 0) return null;
    const carried = changing.flatMap(([partition]) => this.#carried.get(partition) ?? []);
    const sum = (of: (one: Carried) => number): number => carried.reduce((total, one) => total + of(one), 0);
    const waits = carried.flatMap(({ of, waitsFor }) => (waitsFor === "" ? [] : [`partition ${of.partition}: ${waitsFor}`]));
    const blocked = [...this.#begins(map), ...this.#turns].flatMap(({ next }) => this.#whyNot(map, next) ?? []);
    return {
      moving: changing.length,
      waiting: this.#moves.length,
      moved: this.#moved.partitions,
      files: this.#moved.files + sum(({ files }) => files),
      chunks: this.#moved.chunks + sum(({ chunks }) => chunks),
      sizeBytes: this.#moved.sizeBytes + sum(({ sizeBytes }) => sizeBytes),
      // What keeps many from beginning says more than what single ones lack: it comes first, where not all is shown.
      waitsFor: [...new Set([...blocked, ...waits])].slice(0, WAITS_SHOWN),
    };
  }

  /** How fast partitions move, or would. */
  rates(): Rates {
    return ratesOf(this.#moved, this.#runtime.clock.monotonicMs() - this.#movingSinceMs);
  }

  #arm(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#runtime.timers.after(delayMs, () => {
      this.#looking = true;
      const looked = this.#look().finally(() => {
        this.#looking = false;
      });
      looked.then(
        (busy) => this.#arm(busy ? REBALANCE_LOOK_MS : REBALANCE_IDLE_MS),
        (error) => {
          if (codeOf(error) === undefined) throw error;
          this.#runtime.log.warn("partitions cannot be moved now; it is tried again", { error: messageOf(error) });
          this.#arm(REBALANCE_IDLE_MS);
        },
      );
    });
  }

  /** One step of everything. True while something is under way. */
  async #look(): Promise<boolean> {
    const before = changingIn(this.#nodes.map());
    if (before.length > 0) await this.#order(before);
    if (this.#stopped) return false;
    const map = this.#nodes.map();
    const changing = changingIn(map);
    if (changing.length > 0 && this.#mayWait(changing)) return true;
    const changes = new Map<number, Configuration>();
    this.#plan(map);
    const turns = this.#turns.filter(({ next }) => this.#whyNot(map, next) === undefined);
    for (const { partition, next } of turns) this.#turn(changes, partition, next);
    for (const [partition, configuration] of changing) {
      const carried = this.#carried.get(partition);
      const ends = carried?.done && carried.of.number === configuration.number && !changes.has(partition);
      if (ends && mayEnd(map, configuration)) this.#end(changes, partition, configuration);
    }
    const ended = [...changes.values()].filter(({ sets }) => sets.length === 1).length;
    const free = this.#changingMax - changing.length + ended;
    for (const { partition, next } of this.#startable(map).slice(0, free)) changes.set(partition, next);
    if (changes.size > 0) {
      this.#steppedMs = this.#runtime.clock.monotonicMs();
      this.#reconfigure(changes);
      await this.#tell(concernedBy(changes).filter((node) => this.#nodes.isUp(node)));
    }
    return changingIn(this.#nodes.map()).length > 0;
  }

  /** Changes that come one after the other are one change of the map; nothing that is done waits for it when all is. */
  #mayWait(changing: readonly (readonly [number, Configuration])[]): boolean {
    if (this.#runtime.clock.monotonicMs() - this.#steppedMs >= REBALANCE_STEP_MS) return false;
    return changing.some(([partition]) => this.#carried.get(partition)?.done !== true);
  }

  /** What was carried over for a change that is given up does not count. */
  #turn(changes: Map<number, Configuration>, partition: number, next: Configuration): void {
    changes.set(partition, next);
    this.#carried.delete(partition);
    this.#movers.delete(partition);
  }

  #end(changes: Map<number, Configuration>, partition: number, configuration: Configuration): void {
    const { files = 0, chunks = 0, sizeBytes = 0 } = this.#carried.get(partition) ?? {};
    this.#moved = {
      partitions: this.#moved.partitions + 1,
      files: this.#moved.files + files,
      chunks: this.#moved.chunks + chunks,
      sizeBytes: this.#moved.sizeBytes + sizeBytes,
    };
    this.#turn(changes, partition, finished(configuration));
  }

  /** Plans anew when the nodes, their places, the policy, who is steady, or what is under way are others. */
  #plan(map: ClusterMap): void {
    const { n, w, r } = map.policy;
    const places = placeable(map).map(({ number, zone, weight }) => [number, zone, weight]);
    const basis = JSON.stringify([n, w, r, places, [...deadOf(map)]]);
    const known = this.#plannedFor;
    if (known?.basis === basis && known.partitions === map.partitions && known.nodes === map.nodes) return;
    const sinceMs = known?.basis === basis ? known.sinceMs : this.#runtime.clock.monotonicMs();
    this.#plannedFor = { basis, sinceMs, partitions: map.partitions, nodes: map.nodes };
    this.#moves = movesOf(map);
    this.#turns = turnsOf(map);
    if (this.#moves.length + changingIn(map).length > 0) return;
    this.#moved = NOTHING_MOVED;
    this.#movingSinceMs = this.#runtime.clock.monotonicMs();
  }

  #begins(map: ClusterMap): readonly Turn[] {
    const dead = deadOf(map);
    return this.#moves.flatMap(({ partition, to }) => {
      const configuration = map.partitions[partition];
      return configuration === undefined ? [] : [{ partition, next: begun(configuration, to, dead) }];
    });
  }

  /** What can begin now: nodes often join several at a time, so the first of them is not taken for the only one. */
  #startable(map: ClusterMap): readonly Turn[] {
    const sinceMs = this.#plannedFor?.sinceMs ?? 0;
    if (this.#runtime.clock.monotonicMs() - sinceMs < this.#settleMs) return [];
    return this.#begins(map).filter(({ next }) => this.#whyNot(map, next) === undefined);
  }

  /**
   * Why a change would come to a stand at once; undefined: it would not. Nothing is moved to who comes and goes; who is a replica already counts as
   * long as it is up, or with W = N nobody dead could be replaced before it is steady.
   */
  #whyNot(map: ClusterMap, next: Configuration): string | undefined {
    if (next.sets.length === 1) return undefined; // taken back
    const up = upIn(map);
    for (const node of joiningIn(next)) {
      if (!this.#nodes.isSteady(node)) return `${nodeName(node)} ${up.has(node) ? "comes and goes" : "is not up"}`;
      // Admitted, it may not know: the answer was lost. If the SuperNode's disk is lost, too, nobody can tell it, and a replica that does not
      // know that it is one follows nobody: the next SuperNode would wait for it for ever (P17).
      if (!this.#isHeard(node)) return `${nodeName(node)} has not been heard yet`;
      if (!this.#hasRoom(node)) return `${nodeName(node)} has no room`;
    }
    const needs = [readNeed, writeNeed, barrierNeed];
    const live = (set: ReplicaSet): boolean => needs.every((need) => reachesIn(set, need, up));
    return next.sets.every(live) ? undefined : "too few replicas are up";
  }

  /** Has somebody carry each changing partition over, and learns how far that is. */
  async #order(changing: readonly (readonly [number, Configuration])[]): Promise<void> {
    const byMover = new Map<NodeNumber, { partition: number; number: number }[]>();
    for (const [partition, configuration] of changing) {
      const mover = this.#moverOf(partition, configuration);
      if (mover === undefined) continue;
      const orders = byMover.get(mover) ?? [];
      orders.push({ partition, number: configuration.number });
      byMover.set(mover, orders);
    }
    await Promise.all([...byMover].map(([node, of]) => this.#ask(node, of)));
  }

  async #ask(node: NodeNumber, of: readonly { readonly partition: number; readonly number: number }[]): Promise<void> {
    try {
      const { rescanned } = await this.#nodes.call(node, 0, { rescan: { of } }, QUORUM_PATIENCE_MS);
      for (const { of: moving, done, files, chunks, sizeBytes, waitsFor } of rescanned?.carried ?? []) {
        const { partition, number } = moving;
        this.#carried.set(partition, { of: { partition, number }, done, files, chunks, sizeBytes, waitsFor });
      }
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      this.#runtime.log.debug(`${nodeName(node)} does not carry over`, { error: messageOf(error) });
      if (code === "CONFIGURATION_STALE") await this.#tell([node]);
      else for (const { partition } of of) this.#movers.delete(partition); // somebody else
    }
  }

  /** Who joins has most to fetch, so it is best asked itself. The same one as long as it is up. */
  #moverOf(partition: number, configuration: Configuration): NodeNumber | undefined {
    const known = this.#movers.get(partition);
    if (known !== undefined && this.#nodes.isSteady(known)) return known;
    const all = [...joiningIn(configuration), ...replicasOf(configuration)];
    const steady = all.filter((node) => this.#nodes.isSteady(node));
    const candidates = steady.length > 0 ? steady : all.filter((node) => this.#nodes.isUp(node));
    // After a failure not the same one again, if there are others.
    const mover = candidates[Math.floor(this.#runtime.random.unit() * Math.min(2, candidates.length))] ?? candidates[0];
    if (mover !== undefined) this.#movers.set(partition, mover);
    return mover;
  }

  /** Nodes hear of a new map with their next heartbeat; those that are concerned are given it at once. */
  async #tell(nodes: readonly NodeNumber[]): Promise<void> {
    const map = this.#nodes.map();
    const bytes = mapCodec.encode(map);
    await Promise.all(nodes.map((node) => this.#tellNode(node, map, bytes)));
  }

  async #tellNode(node: NodeNumber, map: ClusterMap, bytes: Uint8Array): Promise<void> {
    const { generation, version } = map;
    try {
      const { map: at } = await this.#nodes.call(node, 0, { map: { generation, version, map: bytes } }, QUORUM_PATIENCE_MS);
      if (at && isNewerMap(map, { ...map, generation: at.generation, version: at.version }))
        this.#runtime.log.debug(`${nodeName(node)} has not adopted the map yet`);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
}

function concernedBy(changes: ReadonlyMap<number, Configuration>): readonly NodeNumber[] {
  return [...new Set([...changes.values()].flatMap((configuration) => [...replicasOf(configuration)]))];
}

/** What holds things up, in words: so many of them. */
const WAITS_SHOWN = 5;

function upIn({ nodes }: ClusterMap): ReadonlySet<NodeNumber> {
  return new Set(nodes.filter(({ state }) => state === NodeState.UP).map(({ number }) => number));
}

/** The new set can serve alone. Where it cannot, for a replica is away, the change stays one that can be taken back: later it could not be left (P16). */
function mayEnd(map: ClusterMap, { sets: [, to] }: Configuration): boolean {
  const up = upIn(map);
  return to !== undefined && [readNeed, writeNeed].every((need) => reachesIn(to, need, up));
}

function changingIn(map: ClusterMap): readonly (readonly [number, Configuration])[] {
  return map.partitions.flatMap((configuration, partition) =>
    configuration.sets.length > 1 ? [[partition, configuration] as const] : [],
  );
}
