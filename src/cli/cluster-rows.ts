/** A cluster's state as rows: `status` and `nodes` show the same nodes. */
import { nodeName } from "../base/ids.ts";
import { formatCount, formatDuration, formatFiles, formatPhi, formatSize } from "../base/units.ts";
import { standingOf } from "../cluster/standing.ts";
import type { Rebalance } from "../wire/change-messages.ts";
import { type Node, NodeState, Standing } from "../wire/messages.ts";
import type { NodeStatus, StatusReply } from "../wire/status-messages.ts";
import { table } from "./output.ts";

const STATE_NAMES: Readonly<Record<NodeState, string>> = {
  [NodeState.UP]: "up",
  [NodeState.SUSPECT]: "suspect",
  [NodeState.DOWN]: "down",
};

const STANDING_NAMES: Readonly<Record<Standing, string>> = {
  [Standing.MEMBER]: "member",
  [Standing.DRAINING]: "draining",
  [Standing.REPLACED]: "replaced",
  [Standing.DEAD]: "dead",
};

export interface NodeRow {
  readonly id: string;
  readonly grpc: string;
  readonly http: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: string;
  /** Whether partitions are placed on it: member, draining, replaced (while it is away), dead. */
  readonly standing: string;
  /** Of which it is a replica: while it drains, what is left. */
  readonly partitions: number;
  readonly files: number;
  readonly bytes: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly leads: number;
  readonly opsPerSec: number;
  readonly catchingUp: number;
  readonly badCopiesFound: number;
  readonly badCopiesMended: number;
  /** Phi: of 10^phi silences like its present one, one ends by itself. */
  readonly suspicion: number;
  /** How often it vanished lately; while it is held back, how long it has to be steady yet. */
  readonly flaps: number;
  readonly heldForMs: number;
  readonly freeBytes: number;
  readonly version: string;
}

export function nodeRow(status: NodeStatus): NodeRow {
  const { node, partitions, files, bytes, usedBytes, capacityBytes, leads, opsPerSec, catchingUp, flaps, freeBytes, version } =
    status;
  const { badCopiesFound, badCopiesMended } = status;
  const { grpc, http, zone, weight } = node;
  const state = stateName(node);
  const standing = STANDING_NAMES[standingOf(node)];
  return {
    id: nodeName(node.number),
    grpc,
    http,
    zone,
    weight,
    state,
    standing,
    partitions,
    files,
    bytes,
    usedBytes,
    capacityBytes,
    leads,
    opsPerSec,
    catchingUp,
    badCopiesFound,
    badCopiesMended,
    suspicion: Math.round(status.suspicion * 10) / 10,
    flaps,
    heldForMs: Math.round(status.heldForMs),
    freeBytes,
    version,
  };
}

/** A node that drains and is up is draining; whether it is up is more important. */
function stateName(node: Node): string {
  if (node.state === NodeState.UP && standingOf(node) === Standing.DRAINING) return "draining";
  return STATE_NAMES[node.state];
}

function stateWords({ state, standing, partitions, catchingUp, heldForMs }: NodeRow): string {
  const words = [state];
  if (standing !== "member" && standing !== state) words.push(standing);
  if (standing !== "member") words.push(partitions === 0 ? "holds nothing" : `${formatCount(partitions)} partitions left`);
  if (catchingUp > 0) words.push(`catching up (${formatCount(catchingUp)})`);
  if (heldForMs > 0) words.push(`held back (${formatDuration(heldForMs)})`);
  return words.join(", ");
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

/** Which nodes met bad copies, mended or not: a line each. */
export function badCopiesWords(rows: readonly NodeRow[]): readonly string[] {
  return rows
    .filter(({ badCopiesFound }) => badCopiesFound > 0)
    .map(({ id, badCopiesFound: found, badCopiesMended: mended }) => {
      const what = found === 1 ? "1 copy was" : `${formatCount(found)} copies were`;
      return `${id}: since it started ${what} found bad, missing or older than others', ${formatCount(mended)} mended`;
    });
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
  const weights = rows.some((row) => row.weight !== 1);
  return table(rows, [
    { title: "node", cell: (row) => row.id },
    { title: "state", cell: stateWords },
    { title: "phi", cell: (row) => formatPhi(row.suspicion), right: true },
    { title: "flaps", cell: (row) => formatCount(row.flaps), right: true },
    { title: "address", cell: (row) => row.grpc },
    ...(zones ? [{ title: "zone", cell: (row: NodeRow) => row.zone }] : []),
    ...(weights ? [{ title: "weight", cell: (row: NodeRow) => `${row.weight}`, right: true }] : []),
    { title: "files", cell: (row) => formatCount(row.files), right: true },
    { title: "bytes", cell: (row) => formatSize(row.bytes), right: true },
    { title: "capacity", cell: (row) => (row.capacityBytes === 0 ? "-" : formatSize(row.capacityBytes)), right: true },
    { title: "leads", cell: (row) => formatCount(row.leads), right: true },
    { title: "ops/s", cell: (row) => formatCount(Math.round(row.opsPerSec)), right: true },
  ]);
}
