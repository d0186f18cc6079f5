/** A cluster's state as rows: `status` and `nodes` show the same nodes. */
import { nodeName } from "../base/ids.ts";
import { formatCount, formatFiles, formatSize } from "../base/units.ts";
import type { Rebalance } from "../wire/change-messages.ts";
import { NodeState, type NodeStatus, type StatusReply } from "../wire/messages.ts";
import { table } from "./output.ts";

const STATE_NAMES: Readonly<Record<NodeState, string>> = {
  [NodeState.UP]: "up",
  [NodeState.SUSPECT]: "suspect",
  [NodeState.DOWN]: "down",
  [NodeState.DRAINING]: "draining",
};

export interface NodeRow {
  readonly id: string;
  readonly grpc: string;
  readonly http: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: string;
  readonly files: number;
  readonly bytes: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly leads: number;
  readonly opsPerSec: number;
  readonly catchingUp: number;
}

export function nodeRow(status: NodeStatus): NodeRow {
  const { node, files, bytes, usedBytes, capacityBytes, leads, opsPerSec, catchingUp } = status;
  const { grpc, http, zone, weight } = node;
  const state = STATE_NAMES[node.state];
  return {
    id: nodeName(node.number),
    grpc,
    http,
    zone,
    weight,
    state,
    files,
    bytes,
    usedBytes,
    capacityBytes,
    leads,
    opsPerSec,
    catchingUp,
  };
}

/** The quorum of the cluster, as JSON: what all partitions are to have, whether they do, since when; and, while some do not, what they go by now. */
export function quorumRow({ policy, quorums, adaptive }: StatusReply) {
  const { n, w, r, name, sinceMs } = policy;
  return {
    n,
    w,
    r,
    name,
    inForce: Boolean(sinceMs),
    since: sinceMs ? new Date(sinceMs).toISOString() : null,
    ...(sinceMs ? {} : { quorums }),
    ...(adaptive === null ? {} : { adaptive }),
  };
}

/** … and for people. */
export function quorumWords({ policy, quorums, waitingFor }: StatusReply): string {
  const quorum = `quorum ${policy.name} (n=${policy.n}, w=${policy.w}, r=${policy.r})`;
  if (policy.sinceMs) return `${quorum}, in force since ${new Date(policy.sinceMs).toISOString()}`;
  if (quorums.length === 0) return waitingFor === "" ? quorum : `${quorum}, once the cluster is complete`;
  const shares = quorums.map(({ n, w, r, partitions, changing }) => {
    const words = `${formatCount(partitions)} partitions have n=${n},w=${w},r=${r}`;
    return changing ? `${words} and are changing` : words;
  });
  return `${quorum}, not in force yet: ${shares.join("; ")}`;
}

/** Partitions on their way, a line or more. */
export function rebalanceWords({ moving, waiting, moved, files, chunks, sizeBytes, waitsFor }: Rebalance): readonly string[] {
  const parts = [`${moving} of ${moving + waiting + moved} partitions on their way`, `${formatCount(moved)} done`];
  const carried = `${formatFiles(files)}, ${formatCount(chunks)} chunks carried over, ${formatSize(sizeBytes)} copied`;
  return [`rebalancing: ${parts.join(", ")}; ${carried}`, ...waitsFor.map((what) => `  waits: ${what}`)];
}

export function nodeTable(rows: readonly NodeRow[]): string {
  const zones = rows.some((row) => row.zone !== "");
  return table(rows, [
    { title: "node", cell: (row) => row.id },
    {
      title: "state",
      cell: (row) => (row.catchingUp > 0 ? `${row.state}, catching up (${formatCount(row.catchingUp)})` : row.state),
    },
    { title: "address", cell: (row) => row.grpc },
    ...(zones ? [{ title: "zone", cell: (row: NodeRow) => row.zone }] : []),
    { title: "files", cell: (row) => formatCount(row.files), right: true },
    { title: "bytes", cell: (row) => formatSize(row.bytes), right: true },
    { title: "capacity", cell: (row) => (row.capacityBytes === 0 ? "-" : formatSize(row.capacityBytes)), right: true },
    { title: "leads", cell: (row) => formatCount(row.leads), right: true },
    { title: "ops/s", cell: (row) => formatCount(Math.round(row.opsPerSec)), right: true },
  ]);
}
