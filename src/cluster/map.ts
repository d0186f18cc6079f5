/** Reading a cluster map: which partition, which configuration, which nodes. Pure. */
import { assert, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import type { ChunkId } from "../ports.ts";
import { type ClusterMap, type Configuration, type Node, NodeState } from "../wire/messages.ts";

/** What says into how many partitions a cluster divides its keys: the map, all of whose lives have the same number. */
export type Partitioned = Pick<ClusterMap, "partitions">;

/** The partition of a file's register; NaN while none is assigned. Part of the on-disk contract: never change it. */
export function partitionOf({ partitions }: Partitioned, path: Path): number {
  return Bun.hash.xxHash32(path) % partitions.length;
}

/** The partition of a chunk; chunks of one file spread over the cluster. */
export function chunkPartitionOf({ partitions }: Partitioned, chunk: ChunkId): number {
  return Bun.hash.xxHash32(`chunk ${chunk}`) % partitions.length;
}

/**
 * The configuration of a partition.
 * @throws QdfsError CLUSTER_WAITING while the partitions are not assigned
 */
export function configurationOf(map: ClusterMap, partition: number): Configuration {
  const configuration = map.partitions[partition];
  if (configuration !== undefined) return configuration;
  assert(map.partitions.length === 0, "a map assigns all partitions or none");
  throw new QdfsError("CLUSTER_WAITING", map.waitingFor || "the cluster has not assigned its partitions yet");
}

/** Every replica of a configuration once, home first. */
export function replicasOf(configuration: Configuration): readonly NodeNumber[] {
  const [first, second] = configuration.sets;
  assert(first !== undefined, "a configuration has a replica set");
  return second === undefined ? first.nodes : [...new Set([...first.nodes, ...second.nodes])];
}

/** True when the node is a replica in one of the sets. */
export function isReplica({ sets }: Configuration, node: NodeNumber): boolean {
  for (const { nodes } of sets) if (nodes.includes(node)) return true;
  return false;
}

/** The configuration with which a replica joined the partition, with nothing of it (P15); 0: it was there from the first. */
export function joinedWith({ sets }: Configuration, node: NodeNumber): number {
  // While joint, who stays is in both sets.
  const [set] = sets.filter(({ nodes }) => nodes.includes(node));
  return set?.since?.[set.nodes.indexOf(node)] ?? 0;
}

/** What a member's addresses become when another DataNode is found to listen there: nobody is reached, and nobody else taken for it. */
export const NO_ADDRESS = "0.0.0.0:0";

/** A member; or, of one that was removed since somebody read its number in an older map, what says that it cannot be reached. */
export function nodeOf(map: ClusterMap, number: NodeNumber): Node {
  for (const node of map.nodes) if (node.number === number) return node;
  return { number, grpc: NO_ADDRESS, http: NO_ADDRESS, zone: "", weight: 1, state: NodeState.DOWN, diskId: nodeName(number) };
}

/** Maps are ordered by (generation, version) (P17). */
export function isNewerMap(candidate: ClusterMap, than: ClusterMap | undefined): boolean {
  if (than === undefined) return true;
  if (candidate.generation !== than.generation) return candidate.generation > than.generation;
  return candidate.version > than.version;
}
