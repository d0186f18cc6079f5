/**
 * What it means that a DataNode leaves: which partitions go elsewhere, who is left, what would be lost, and why it may not be. Pure. Refusals come
 * with their arithmetic. As they are decided on the newest map, one at a time, two operators who each take one node away never leave fewer
 * than n together.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { LeaveStep } from "../wire/leave-messages.ts";
import { type ClusterMap, type Node, NodeState, Standing } from "../wire/messages.ts";
import { isReplica } from "./map.ts";
import { begun, joiningIn, movesOf, turnsOf } from "./moves.ts";
import { deadOf, losesWrites, placeable, standingOf } from "./standing.ts";

/** One partition that changes for it, and how many copies of it are made. */
export interface Transfer {
  readonly partition: number;
  readonly copies: number;
}

export interface LeavePlan {
  /** The node's standing afterwards; undefined: it is no member any more. */
  readonly standing: Standing | undefined;
  readonly transfers: readonly Transfer[];
  /** Partitions whose writes may have been acknowledged by dead replicas alone. */
  readonly losing: readonly number[];
  readonly remaining: readonly NodeNumber[];
}

/**
 * The plan of one step.
 * @throws QdfsError NOT_FOUND (no such member), WRONG_STATE (that step makes no sense for it), CLUSTER_WAITING (fewer than n would be left)
 */
export function leavePlan(map: ClusterMap, number: NodeNumber, step: LeaveStep): LeavePlan {
  const node = map.nodes.find((member) => member.number === number);
  if (node === undefined) throw new QdfsError("NOT_FOUND", absentWords(map, number));
  switch (step) {
    case LeaveStep.DRAIN:
      return drainPlan(map, node);
    case LeaveStep.CANCEL:
      return cancelPlan(map, node);
    case LeaveStep.REMOVE:
      return removePlan(map, node);
    case LeaveStep.REMOVE_DEAD:
      return deadPlan(map, node);
  }
}

/** The partitions of which a node is a replica, in whatever set. */
export function partitionsOf(map: ClusterMap, number: NodeNumber): readonly number[] {
  return map.partitions.flatMap((configuration, partition) => (isReplica(configuration, number) ? [partition] : []));
}

/** The map with another standing of one member. */
export function regarded(map: ClusterMap, number: NodeNumber, standing: Standing): ClusterMap {
  return { ...map, nodes: map.nodes.map((node) => (node.number === number ? { ...node, standing } : node)) };
}

function drainPlan(map: ClusterMap, node: Node): LeavePlan {
  if (standingOf(node) === Standing.DEAD) throw deadAlready(node);
  if (standingOf(node) !== Standing.DRAINING) requireEnough(map, node, "draining");
  return planned(map, node, Standing.DRAINING);
}

function cancelPlan(map: ClusterMap, node: Node): LeavePlan {
  const standing = standingOf(node);
  if (standing === Standing.DEAD) throw deadAlready(node);
  if (standing !== Standing.DRAINING)
    throw new QdfsError("WRONG_STATE", `${nodeName(node.number)} is not being drained: there is nothing to cancel`);
  return planned(map, node, Standing.MEMBER);
}

function removePlan(map: ClusterMap, node: Node): LeavePlan {
  const name = nodeName(node.number);
  const held = partitionsOf(map, node.number).length;
  if (standingOf(node) === Standing.DEAD) throw deadAlready(node);
  if (held > 0) {
    const draining = standingOf(node) === Standing.DRAINING;
    const advice = draining ? "wait until it is drained" : `drain it first (qdfs drain ${name})`;
    const dead = `, or, if it will never come back, qdfs remove --dead ${name}`;
    throw new QdfsError("WRONG_STATE", `${name} still holds ${held} partitions: ${advice}${dead}`, { partitions: held });
  }
  if (standingOf(node) === Standing.MEMBER) requireEnough(map, node, "removing");
  return { standing: undefined, transfers: [], losing: [], remaining: numbersBut(map, node.number) };
}

function deadPlan(map: ClusterMap, node: Node): LeavePlan {
  const name = nodeName(node.number);
  if (standingOf(node) !== Standing.DEAD) {
    if (node.state !== NodeState.DOWN)
      throw new QdfsError(
        "WRONG_STATE",
        `${name} is ${node.state === NodeState.UP ? "up" : "suspect"}, not down: what may still act cannot be declared dead. Drain it instead (qdfs drain ${name}), or stop it first`,
      );
    requireEnough(map, node, "removing");
  }
  const plan = planned(map, node, Standing.DEAD);
  const dead = new Set([...deadOf(map), node.number]);
  const bereft = map.partitions.findIndex(({ sets: [from] }) => from?.nodes.every((replica) => dead.has(replica)));
  if (bereft >= 0)
    throw new QdfsError(
      "WRONG_STATE",
      `no replica of partition ${bereft} but ${name} is left: all its files would be lost. It can only wait for that disk`,
    );
  return plan;
}

function planned(map: ClusterMap, node: Node, standing: Standing): LeavePlan {
  const after = regarded(map, node.number, standing);
  const dead = deadOf(after);
  const begins = movesOf(after).flatMap(({ partition, to }) => {
    const configuration = after.partitions[partition];
    return configuration === undefined ? [] : [{ partition, next: begun(configuration, to, dead) }];
  });
  const held = new Set(standing === Standing.MEMBER ? map.partitions.keys() : partitionsOf(map, node.number));
  const transfers = [...begins, ...turnsOf(after)].flatMap(({ partition, next }) =>
    held.has(partition) ? [{ partition, copies: joiningIn(next).length }] : [],
  );
  const losing = map.partitions.flatMap(({ sets: [from] }, partition) =>
    standing === Standing.DEAD && from?.nodes.includes(node.number) && losesWrites(from, dead) ? [partition] : [],
  );
  return { standing, transfers, losing, remaining: placeable(after).map(({ number }) => number) };
}

/** Every partition needs n nodes to stand on: those that are up, and stay. */
function requireEnough(map: ClusterMap, node: Node, doing: string): void {
  const { n } = map.policy;
  const staying = placeable(map).filter(({ number }) => number !== node.number);
  const up = staying.filter(({ state }) => state !== NodeState.DOWN);
  if (up.length >= n) return;
  const others = map.nodes.filter((other) => other.number !== node.number && !up.includes(other));
  const words = others.map((other) => `${nodeName(other.number)} is ${whyNot(other)}`);
  const left = `${up.length}${up.length > 0 ? ` (${up.map(({ number }) => nodeName(number)).join(", ")})` : ""}`;
  throw new QdfsError(
    "CLUSTER_WAITING",
    `${doing} ${nodeName(node.number)} would leave ${left} of ${map.nodes.length} DataNodes to hold n=${n} copies: ${n - up.length} too few${words.length > 0 ? `; ${words.join(", ")}` : ""}. Start another DataNode first`,
    { need: n, got: up.length },
  );
}

function whyNot(node: Node): string {
  switch (standingOf(node)) {
    case Standing.DRAINING:
      return "being drained";
    case Standing.DEAD:
      return "dead";
    case Standing.REPLACED:
    case Standing.MEMBER:
      return "down";
  }
}

function numbersBut(map: ClusterMap, number: NodeNumber): readonly NodeNumber[] {
  return placeable(map).flatMap((node) => (node.number === number ? [] : [node.number]));
}

function deadAlready(node: Node): QdfsError {
  return new QdfsError("WRONG_STATE", `${nodeName(node.number)} was declared dead: that is for ever`);
}

function absentWords(map: ClusterMap, number: NodeNumber): string {
  const gone = map.gone?.some((one) => one.number === number) ?? false;
  return gone ? `${nodeName(number)} was removed already` : `there is no ${nodeName(number)} in this cluster`;
}
