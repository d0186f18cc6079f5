/** A cluster's state as rows: `status` and `nodes` show the same nodes. */
import { nodeName } from "../base/ids.ts";
import { formatCount, formatDuration, formatFiles, formatPhi, formatSize } from "../base/units.ts";
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
  /** Phi: of 10^phi silences like its present one, one ends by itself. */
  readonly suspicion: number;
  /** How often it vanished lately; while it is held back, how long it has to be steady yet. */
  readonly flaps: number;
  readonly heldForMs: number;
  readonly freeBytes: number;
  readonly version: string;
}

export function nodeRow(status: NodeStatus): NodeRow {
  const { node, files, bytes, usedBytes, capacityBytes, leads, opsPerSec, catchingUp, flaps, freeBytes, version } = status;
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
    suspicion: Math.round(status.suspicion * 10) / 10,
    flaps,
    heldForMs: Math.round(status.heldForMs),
    freeBytes,
    version,
  };
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
      cell: (row) =>
        [
          row.state,
          ...(row.catchingUp > 0 ? [`catching up (${formatCount(row.catchingUp)})`] : []),
          ...(row.heldForMs > 0 ? [`held back (${formatDuration(row.heldForMs)})`] : []),
        ].join(", "),
    },
    { title: "phi", cell: (row) => formatPhi(row.suspicion), right: true },
    { title: "flaps", cell: (row) => formatCount(row.flaps), right: true },
    { title: "address", cell: (row) => row.grpc },
    ...(zones ? [{ title: "zone", cell: (row: NodeRow) => row.zone }] : []),
    { title: "files", cell: (row) => formatCount(row.files), right: true },
    { title: "bytes", cell: (row) => formatSize(row.bytes), right: true },
    { title: "capacity", cell: (row) => (row.capacityBytes === 0 ? "-" : formatSize(row.capacityBytes)), right: true },
    { title: "leads", cell: (row) => formatCount(row.leads), right: true },
    { title: "ops/s", cell: (row) => formatCount(Math.round(row.opsPerSec)), right: true },
  ]);
}
