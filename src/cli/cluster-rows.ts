/** A cluster's state as rows: `status` and `nodes` show the same nodes. */
import { nodeName } from "../base/ids.ts";
import { formatCount, formatFiles, formatSize } from "../base/units.ts";
import type { Rebalance } from "../wire/change-messages.ts";
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
  readonly badCopiesFound: number;
  readonly badCopiesMended: number;
}

export function nodeRow(status: NodeStatus): NodeRow {
  const { node, files, bytes, usedBytes, capacityBytes, leads, opsPerSec, catchingUp } = status;
  const { badCopiesFound, badCopiesMended } = status;
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
    badCopiesFound,
    badCopiesMended,
  };
}

/** Which nodes met bad copies, mended or not: a line each. */
export function badCopiesWords(rows: readonly NodeRow[]): readonly string[] {
  return rows
    .filter(({ badCopiesFound }) => badCopiesFound > 0)
    .map(({ id, badCopiesFound: found, badCopiesMended: mended }) => {
      const what = found === 1 ? "1 copy was" : `${formatCount(found)} copies were`;
      return `${id}: since it started ${what} found bad, missing or older than others', ${formatCount(mended)} mended`;
    });
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
