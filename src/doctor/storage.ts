/** Findings about disks and what lies on them: room, and whatever DataNodes raise alarms about. */
import { nodeName } from "../base/ids.ts";
import { formatSize } from "../base/units.ts";
import { ALARM_KINDS, alarmWords } from "../cluster/alarm.ts";
import { FREE_BYTES_MIN, LOW_SPACE_BYTES } from "../limits.ts";
import { DOCTOR_FILLING_SHARE } from "../tool-limits.ts";
import { NodeState } from "../wire/messages.ts";
import type { NodeAlarm, NodeStatus } from "../wire/status-messages.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding, type Severity } from "./finding.ts";

export function storageFindings({ status, map }: Facts): readonly Finding[] {
  if (status === undefined) return [];
  const room = [
    `qdfs datanode --port 0 --data DIR --supernode ${map.supernodes.join(",")}   # on another disk: it takes its share`,
  ];
  const more = [...room, "qdfs du --reclaimable", "qdfs drain NODE   # moves everything off it"];
  return [
    ...status.nodes.flatMap((node) => roomFinding(node, status.raised, more)),
    ...status.raised.flatMap((raised) => alarmFinding(raised)),
  ];
}

function roomFinding(node: NodeStatus, raised: readonly NodeAlarm[], mend: readonly string[]): readonly Finding[] {
  const { number, state } = node.node;
  if (state === NodeState.DOWN || node.version === "") return []; // nothing was heard of it
  const name = nodeName(number);
  const { capacityBytes, usedBytes, freeBytes } = node;
  const examples = [`${formatSize(usedBytes)} used of ${formatSize(capacityBytes)}, ${formatSize(freeBytes)} free on the disk`];
  const refuses = raised.some((one) => one.node === number && one.alarm.kind === "disk-full");
  if (refuses || freeBytes < FREE_BYTES_MIN)
    return [finding("disk-full", "critical", `the disk of ${name} is full: it takes no new bytes`, { examples, mend })];
  const left = Math.min(freeBytes, capacityBytes > 0 ? capacityBytes - usedBytes : freeBytes);
  const share = capacityBytes > 0 ? usedBytes / capacityBytes : 0;
  if (freeBytes >= LOW_SPACE_BYTES && share < DOCTOR_FILLING_SHARE) return [];
  return [finding("disk-filling", "warning", `${name} has ${formatSize(Math.max(0, left))} left`, { examples, mend })];
}

/** What is told elsewhere, or in other words, by kind. */
const TOLD_ELSEWHERE = new Set(["down", "suspect", "flapping", "low-space", "disk-full"]);

interface Told {
  readonly severity: Severity;
  readonly mend: (node: string) => readonly string[];
}

const MENDS: Readonly<Record<string, Told>> = {
  corrupt: { severity: "warning", mend: (node) => [`qdfs repair --node ${node}`, "qdfs scrub"] },
  divergent: { severity: "warning", mend: (node) => [`qdfs repair --node ${node}`] },
  unreadable: {
    severity: "critical",
    mend: (node) => [`qdfs drain ${node}`, `qdfs remove --dead ${node}   # if it cannot be drained`],
  },
  "scrub-late": { severity: "warning", mend: (node) => [`qdfs scrub --node ${node}`] },
  log: { severity: "warning", mend: () => ["qdfs status"] },
};

/** Kinds that this version does not know are passed on in the words that came. */
function alarmFinding({ node, alarm }: NodeAlarm): readonly Finding[] {
  const { kind, count } = alarm;
  if (TOLD_ELSEWHERE.has(kind)) return [];
  const { severity, mend } = MENDS[kind] ?? { severity: "warning", mend: () => [] };
  const known = Object.entries(ALARM_KINDS).find(([name]) => name === kind)?.[1] ?? kind;
  const what = `${nodeName(node)} raises an alarm: ${known}`;
  return [finding(kind, severity, what, { count, examples: alarmWords(alarm), mend: mend(nodeName(node)) })];
}
