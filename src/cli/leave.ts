/** What `drain` and `remove` share: the plan in words, and waiting until a node holds nothing. */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, parseNodeName } from "../base/ids.ts";
import { formatCount, formatDuration, formatFiles, formatSize } from "../base/units.ts";
import type { Client } from "../client/client.ts";
import { standingOf } from "../cluster/standing.ts";
import type { LeaveReply } from "../wire/leave-messages.ts";
import { Standing } from "../wire/messages.ts";
import type { StatusReply } from "../wire/status-messages.ts";
import { rebalanceWords } from "./cluster-rows.ts";
import type { Output } from "./output.ts";

const LOOK_MS = 500;

/** @throws QdfsError BAD_USAGE */
export function nodeNamed(text: string): NodeNumber {
  const number = parseNodeName(text);
  if (number === undefined) throw new QdfsError("BAD_USAGE", `${text} is no DataNode's name: they are dn-1, dn-2, …`);
  return number;
}

export interface LeaveRow {
  readonly node: string;
  readonly dryRun: boolean;
  readonly partitions: number;
  readonly files: number;
  readonly sizeBytes: number;
  readonly expectedMs: number;
  readonly remaining: readonly string[];
}

export function leaveRow(node: NodeNumber, dryRun: boolean, reply: LeaveReply): LeaveRow {
  const { partitions, files, sizeBytes, expectedMs, remaining } = reply;
  return { node: nodeName(node), dryRun, partitions, files, sizeBytes, expectedMs, remaining: remaining.map(nodeName) };
}

/** Files of several partitions are there once each; what is copied depends on their chunks as well: about. */
export function planWords({ partitions, files, sizeBytes, expectedMs, remaining }: LeaveRow): string {
  const on = `on ${remaining.length} DataNodes (${remaining.join(", ")})`;
  if (partitions === 0) return `nothing is to be moved; files are placed ${on}`;
  const what = `${formatCount(partitions)} partitions with ${formatFiles(files)}, about ${formatSize(sizeBytes)} to copy`;
  return `${what}, about ${formatDuration(expectedMs)} at the present rate; files are placed ${on}`;
}

/**
 * Resolves when no partition has a replica on the node, or it is no member any more: with the last status. Says on stderr how far it is.
 * @throws QdfsError WRONG_STATE: it was decided otherwise meanwhile
 */
export async function untilEmpty(client: Client, output: Output, node: NodeNumber, wanted: Standing): Promise<StatusReply> {
  let said = "";
  for (;;) {
    const status = await client.status({ eventual: true });
    const row = status.nodes.find(({ node: { number } }) => number === node);
    if (row === undefined) return status;
    if (standingOf(row.node) !== wanted) throw new QdfsError("WRONG_STATE", `${nodeName(node)} is to stay: it was cancelled`);
    if (row.partitions === 0 && wanted === Standing.DRAINING) return status;
    const words = [`${nodeName(node)}: ${formatCount(row.partitions)} partitions left`, ...moveWords(status)].join("\n");
    if (words !== said) output.notice(words);
    said = words;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function moveWords({ rebalance }: StatusReply): readonly string[] {
  return rebalance === null || rebalance.waitsFor.length === 0 ? [] : rebalanceWords(rebalance).slice(1);
}
