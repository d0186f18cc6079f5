/** `qdfs status`: what the SuperNode knows of the cluster, in one answer. Pure. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { formatDuration, formatSize } from "../base/units.ts";
import { replicasOf } from "../cluster/map.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import { FREE_BYTES_MIN, LOW_SPACE_BYTES } from "../limits.ts";
import type { CatalogueTotals } from "../ports.ts";
import {
  type AdaptiveStatus,
  type ClusterMap,
  type Node,
  NodeState,
  type NodeStatus,
  type StatusReply,
} from "../wire/messages.ts";
import type { Vitals } from "./membership.ts";

export interface StatusFacts {
  readonly map: ClusterMap;
  readonly totals: ReadonlyMap<number, CatalogueTotals>;
  readonly vitals: (number: NodeNumber) => Vitals | undefined;
  readonly nowMs: number;
  /** What a listing made now may lack, in words. */
  readonly incomplete: string;
  /** What the SuperNode itself has to say about a node. */
  readonly alarmOf: (number: NodeNumber) => string;
  readonly adaptive: AdaptiveStatus | null;
}

export function statusReply(facts: StatusFacts): StatusReply {
  const { map, incomplete } = facts;
  const nodes = nodeStatuses(facts);
  const sum = { files: 0, sizeBytes: 0 };
  for (const { files, sizeBytes } of facts.totals.values()) {
    sum.files += files;
    sum.sizeBytes += sizeBytes;
  }
  const alarms = map.nodes.flatMap((node) => nodeAlarms(node, facts));
  if (incomplete !== "") alarms.push(`listings may be incomplete: ${incomplete}`);
  return {
    clusterId: map.clusterId,
    mapVersion: map.version,
    policy: map.policy,
    state: stateOf(map, (number) => (facts.vitals(number)?.heartbeat?.freeBytes ?? FREE_BYTES_MIN) >= FREE_BYTES_MIN),
    files: sum.files,
    bytes: sum.sizeBytes,
    nodes,
    alarms,
    waitingFor: map.waitingFor,
    incomplete,
    adaptive: facts.adaptive,
  };
}

/** Unavailable: some files can be read or written no more. Degraded: some replicas are away, or have no room. */
export function stateOf(map: ClusterMap, hasRoom: (number: NodeNumber) => boolean): "ok" | "degraded" | "unavailable" {
  if (map.partitions.length === 0) return "unavailable";
  const up = new Set(map.nodes.filter((node) => node.state === NodeState.UP).map((node) => node.number));
  let state: "ok" | "degraded" = "ok";
  for (const set of distinctSets(map)) {
    const present = set.nodes.filter((number) => up.has(number)).length;
    if (present < set.r || present < set.w) return "unavailable";
    if (present < set.nodes.length || !set.nodes.every(hasRoom)) state = "degraded";
  }
  return state;
}

/** A node's files and bytes are those of the partitions that it replicates; chunks of other files may lie there too (`usedBytes`). */
function nodeStatuses({ map, totals, vitals }: StatusFacts): NodeStatus[] {
  const tallies = new Map(map.nodes.map((node) => [node.number, { files: 0, bytes: 0, leads: 0 }]));
  map.partitions.forEach((configuration, partition) => {
    const here = totals.get(partition);
    replicasOf(configuration).forEach((number, position) => {
      const tally = tallies.get(number);
      if (tally === undefined) return;
      tally.files += here?.files ?? 0;
      tally.bytes += here?.sizeBytes ?? 0;
      if (position === 0) tally.leads += 1;
    });
  });
  return map.nodes.map((node) => {
    const heartbeat = vitals(node.number)?.heartbeat;
    const opsPerSec = node.state === NodeState.UP ? (heartbeat?.load.opsPerSec ?? 0) : 0;
    return {
      node,
      ...(tallies.get(node.number) ?? { files: 0, bytes: 0, leads: 0 }),
      capacityBytes: heartbeat?.capacityBytes ?? 0,
      opsPerSec,
      catchingUp: heartbeat?.catchingUp ?? 0,
      usedBytes: heartbeat?.usedBytes ?? 0,
    };
  });
}

function nodeAlarms(node: Node, { vitals, nowMs, alarmOf }: StatusFacts): string[] {
  const known = vitals(node.number);
  const alarms: string[] = [];
  if (node.state === NodeState.DOWN || node.state === NodeState.SUSPECT) {
    const words = node.state === NodeState.DOWN ? "is down" : "is suspect";
    const leaving = known?.heartbeat?.leaving ? "it was shut down" : "nothing was heard";
    alarms.push(`${words}: ${leaving} for ${formatDuration(nowMs - (known?.heardMs ?? nowMs))}`);
  } else {
    alarms.push(...(known?.heartbeat?.alarms ?? []));
    const freeBytes = known?.heartbeat?.freeBytes ?? LOW_SPACE_BYTES;
    if (freeBytes < LOW_SPACE_BYTES) alarms.push(`low space: ${formatSize(freeBytes)} left`);
  }
  const own = alarmOf(node.number);
  if (own !== "") alarms.push(own);
  return alarms.map((alarm) => `${nodeName(node.number)}: ${alarm}`);
}
