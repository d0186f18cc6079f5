/** What a simulated cluster begins as. */
import { nodeName } from "../base/ids.ts";
import { firstAssignment } from "../cluster/placement.ts";
import { type ClusterMap, type Node, NodeState } from "../wire/messages.ts";

export interface ClusterShape {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  /** Of the policy; "custom" if it is not said. */
  readonly quorumName?: string;
  /** DataNodes; at least n. */
  readonly nodes: number;
  readonly partitions: number;
  readonly inlineLimitBytes: number;
  readonly chunkSizeBytes: number;
  readonly keepVersions: number;
  /** Partitions that change their replicas at a time. */
  readonly changingMax: number;
  readonly heals: "scrub" | "comparing" | "both";
  /** Garbage is collected so soon that runs meet it; undefined: never, in the time of a run. */
  readonly garbage?: { readonly tombstoneGraceMs: number; readonly orphanAgeMs: number } | undefined;
  /** Others take the place of who is down for so long; null, and undefined: never. */
  readonly replaceAfterMs?: number | null;
}

/** The disk that a member of the first map begins with. */
export function firstDiskId(number: number): string {
  return `disk-${number}`;
}

/** Everyone is a member already, and the partitions are assigned. */
export function firstMap(shape: ClusterShape, supernode: string): ClusterMap {
  const { n, w, r, quorumName = "custom", nodes: count, partitions, inlineLimitBytes, chunkSizeBytes, keepVersions } = shape;
  const { garbage = { tombstoneGraceMs: 0, orphanAgeMs: 0 } } = shape;
  const nodes: Node[] = Array.from({ length: count }, (_, i) => ({
    number: i + 1,
    grpc: `${nodeName(i + 1)}:1`,
    http: `${nodeName(i + 1)}:2`,
    zone: "",
    weight: 1,
    state: NodeState.UP,
    diskId: firstDiskId(i + 1),
  }));
  return {
    clusterId: "simulated",
    generation: 1,
    version: 1,
    policy: { n, w, r, name: quorumName, chunkSizeBytes, inlineLimitBytes, keepVersions, ...garbage },
    nodes,
    partitions: firstAssignment(nodes, { n, w, r }, partitions),
    supernodes: [supernode],
    waitingFor: "",
    nextNode: count + 1,
  };
}
