/** `qdfs status`: what the SuperNode knows of the cluster, in one answer. Pure. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { formatDuration, formatPhi, formatSize } from "../base/units.ts";
import { VERSION } from "../base/version.ts";
import { type AlarmKind, alarmWords } from "../cluster/alarm.ts";
import { replicasOf } from "../cluster/map.ts";
import { quorumShares } from "../cluster/quorum-in-force.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import { FREE_BYTES_MIN, LOW_SPACE_BYTES } from "../limits.ts";
import type { CatalogueTotals } from "../supernode-ports.ts";
import type { Rebalance } from "../wire/change-messages.ts";
import type { Alarm } from "../wire/membership-messages.ts";
import { type ClusterMap, type Node, NodeState } from "../wire/messages.ts";
import type { AdaptiveStatus, NodeStatus, StatusReply } from "../wire/status-messages.ts";
import { sumOfGarbage } from "./reclaimable.ts";
import type { Vitals } from "./vitals.ts";

export interface StatusFacts {
  readonly map: ClusterMap;
  readonly totals: ReadonlyMap<number, CatalogueTotals>;
  readonly vitals: (number: NodeNumber) => Vitals | undefined;
  readonly nowMs: number;
  /** What a listing made now may lack, in words. */
  readonly incomplete: string;
  readonly rebalance: Rebalance | null;
  /** What the SuperNode itself has to say about a node. */
  readonly alarmOf: (number: NodeNumber) => string;
  readonly adaptive: AdaptiveStatus | null;
  readonly joint: StatusReply["joint"];
  readonly standstillMs: number;
  readonly backedUpAtMs: number;
}

export function statusReply(facts: StatusFacts): StatusReply {
  const { map, incomplete } = facts;
  const nodes = nodeStatuses(facts);
  const sum = { files: 0, sizeBytes: 0 };
  for (const { files, sizeBytes } of facts.totals.values()) {
    sum.files += files;
    sum.sizeBytes += sizeBytes;
  }
  const raised = map.nodes.flatMap((node) => nodeAlarms(node, facts).map((alarm) => ({ node: node.number, alarm })));
  const alarms = raised.flatMap(({ node, alarm }) => alarmWords(alarm).map((words) => `${nodeName(node)}: ${words}`));
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
    rebalance: facts.rebalance,
    garbage: sumOfGarbage(map.nodes.flatMap(({ number }) => facts.vitals(number)?.heartbeat?.garbage ?? [])),
    adaptive: facts.adaptive,
    quorums: quorumShares(map),
    raised,
    version: VERSION,
    partitionFiles: [],
    joint: facts.joint,
    standstillMs: facts.standstillMs,
    backedUpAtMs: facts.backedUpAtMs,
  };
}

export function filesByPartition({ partitions }: ClusterMap, totals: StatusFacts["totals"]): readonly number[] {
  return partitions.map((_, partition) => totals.get(partition)?.files ?? 0);
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

/** Who is up and stays so comes first to coordinate; who is away does not at all (client/router.ts). */
const AWAY = 2;

function preferenceOf({ state, held }: Node): number {
  if (state === NodeState.DOWN || state === NodeState.SUSPECT) return AWAY;
  return held ? 1 : 0;
}

/**
 * A node's files and bytes are those of the partitions that it replicates; chunks of other files may lie there too (`usedBytes`). It leads those
 * whose writes go to it: the first replica that is up and not held back.
 */
function nodeStatuses({ map, totals, vitals }: StatusFacts): NodeStatus[] {
  const preference = new Map(map.nodes.map((node) => [node.number, preferenceOf(node)]));
  const tallies = new Map(map.nodes.map((node) => [node.number, { partitions: 0, files: 0, bytes: 0, leads: 0 }]));
  map.partitions.forEach((configuration, partition) => {
    const here = totals.get(partition);
    const replicas = replicasOf(configuration);
    for (const number of replicas) {
      const tally = tallies.get(number);
      if (tally === undefined) continue;
      tally.partitions += 1;
      tally.files += here?.files ?? 0;
      tally.bytes += here?.sizeBytes ?? 0;
    }
    const [leader] = replicas.toSorted((a, b) => (preference.get(a) ?? 0) - (preference.get(b) ?? 0));
    const tally = tallies.get(leader ?? 0);
    if (tally !== undefined && preference.get(leader ?? 0) !== AWAY) tally.leads += 1;
  });
  return map.nodes.map((node) => {
    const { heartbeat, suspicion = 0, flaps = 0, heldForMs = 0 } = vitals(node.number) ?? {};
    const opsPerSec = node.state === NodeState.UP ? (heartbeat?.load.opsPerSec ?? 0) : 0;
    return {
      node,
      ...(tallies.get(node.number) ?? { partitions: 0, files: 0, bytes: 0, leads: 0 }),
      capacityBytes: heartbeat?.capacityBytes ?? 0,
      opsPerSec,
      catchingUp: heartbeat?.catchingUp ?? 0,
      usedBytes: heartbeat?.usedBytes ?? 0,
      badCopiesFound: heartbeat?.badCopiesFound ?? 0,
      badCopiesMended: heartbeat?.badCopiesMended ?? 0,
      suspicion,
      flaps,
      heldForMs,
      freeBytes: heartbeat?.freeBytes ?? 0,
      version: heartbeat?.version ?? "",
    };
  });
}

function nodeAlarms(node: Node, { vitals, nowMs, alarmOf }: StatusFacts): Alarm[] {
  const known = vitals(node.number);
  const alarms: Alarm[] = [];
  const add = (kind: AlarmKind, words: string): void => void alarms.push({ kind, count: 1, words: [words] });
  const isDown = node.state === NodeState.DOWN;
  if (isDown || node.state === NodeState.SUSPECT) {
    const leaving = known?.heartbeat?.leaving ? "it was shut down" : "nothing was heard";
    const silence = `${leaving} for ${formatDuration(nowMs - (known?.heardMs ?? nowMs))}`;
    if (isDown) add("down", `is down: ${silence}`);
    else add("suspect", `is suspect: ${silence} (phi ${formatPhi(known?.suspicion ?? 0)})`);
  } else {
    alarms.push(...(known?.heartbeat?.alarms ?? []));
    const freeBytes = known?.heartbeat?.freeBytes ?? LOW_SPACE_BYTES;
    if (freeBytes < LOW_SPACE_BYTES) add("low-space", `low space: ${formatSize(freeBytes)} left`);
  }
  const { flaps = 0, heldForMs = 0 } = known ?? {};
  if (heldForMs > 0) {
    const until = isDown ? "when it is back" : "now";
    add(
      "flapping",
      `comes and goes, ${flaps} times lately: others are preferred until it is steady for ${formatDuration(heldForMs)}, from ${until} on`,
    );
  }
  const own = alarmOf(node.number);
  if (own !== "") add("log", own);
  return alarms;
}
