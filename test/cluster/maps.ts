/** Maps of clusters in which every partition is where placement puts it. */
import { firstAssignment } from "../../src/cluster/placement.ts";
import { type ClusterMap, type Node, NodeState } from "../../src/wire/messages.ts";

export const POLICY = {
  n: 3,
  w: 2,
  r: 2,
  name: "majority",
  chunkSizeBytes: 4096,
  inlineLimitBytes: 1024,
  keepVersions: 3,
  tombstoneGraceMs: 0,
  orphanAgeMs: 0,
};

export function nodeOf(number: number, zone = ""): Node {
  return { number, grpc: `${number}:1`, http: `${number}:2`, zone, weight: 1, state: NodeState.UP, diskId: `d${number}` };
}

export function mapOf(count: number, partitionCount: number, zoneOf: (number: number) => string = () => ""): ClusterMap {
  const nodes = Array.from({ length: count }, (_, i) => nodeOf(i + 1, zoneOf(i + 1)));
  const partitions = firstAssignment(nodes, POLICY, partitionCount);
  return {
    clusterId: "c",
    generation: 1,
    version: 1,
    policy: POLICY,
    nodes,
    partitions,
    supernodes: [],
    waitingFor: "",
    nextNode: nodes.length + 1,
  };
}
