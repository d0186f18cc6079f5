/** A cluster's state as rows: `status` and `nodes` show the same nodes. */
import { nodeName } from "../base/ids.ts";
import { formatCount, formatSize } from "../base/units.ts";
import { NodeState, type NodeStatus } from "../wire/messages.ts";
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
