/** A map that comes from outside (a server's answer, a file) before anyone goes by it: the rest of the program relies on this. */
import { QdfsError } from "../base/errors.ts";
import { CHUNK_BYTES_MAX, INLINE_BYTES_MAX, PARTITIONS, REPLICAS_MAX } from "../limits.ts";
import type { ClusterMap, Configuration, Policy, ReplicaSet } from "../wire/messages.ts";

const CLUSTER_ID = /^[\w-]{1,64}$/;
/** Two while a configuration is joint. */
const SETS_MAX = 2;

/**
 * Returns the map if it holds together: a cluster's id, a policy that can be followed, none or some partitions, in each one or two
 * replica sets with quorums within their size, and every replica described.
 * @throws QdfsError BAD_REQUEST saying what does not
 */
export function checkedMap(map: ClusterMap): ClusterMap {
  const { clusterId, policy, nodes, partitions } = map;
  if (!CLUSTER_ID.test(clusterId)) throw bad(`${JSON.stringify(clusterId.slice(0, 80))} is no cluster's id`);
  if (!isPolicy(policy)) throw bad(`nobody can follow its policy ${JSON.stringify(policy)}`);
  const numbers = new Set(nodes.map(({ number }) => number));
  if (numbers.size !== nodes.length || numbers.has(0)) throw bad("its nodes have no numbers of their own");
  const nowhere = nodes.find(({ grpc, http }) => grpc === "" || http === "");
  if (nowhere !== undefined) throw bad(`it does not say where node ${nowhere.number} is`);
  if (!isPartitionCount(partitions.length)) throw bad(`it has ${partitions.length} partitions`);
  const held = new Set<Configuration>(); // few are different, and those are the same object (wire/interned.ts)
  partitions.forEach((configuration, partition) => {
    if (held.has(configuration)) return;
    held.add(configuration);
    const why = whyNot(configuration, numbers);
    if (why !== undefined) throw bad(`partition ${partition} ${why}`);
  });
  return map;
}

/** A power of two: real clusters have PARTITIONS, simulated ones few; one that lost some on its way has another number. */
function isPartitionCount(count: number): boolean {
  return count <= PARTITIONS && (count & (count - 1)) === 0;
}

function isPolicy({ n, w, r, chunkSizeBytes, inlineLimitBytes }: Policy): boolean {
  if (n < 1 || n > REPLICAS_MAX || w < 1 || w > n || r < 1 || r > n) return false;
  return inlineLimitBytes <= INLINE_BYTES_MAX && inlineLimitBytes < chunkSizeBytes && chunkSizeBytes <= CHUNK_BYTES_MAX;
}

function whyNot({ number, sets }: Configuration, numbers: ReadonlySet<number>): string | undefined {
  if (number === 0) return "has no configuration number";
  if (sets.length < 1 || sets.length > SETS_MAX) return `has ${sets.length} replica sets`;
  return sets.map((set) => whyNoSet(set, numbers)).find((why) => why !== undefined);
}

function whyNoSet({ nodes, w, r, since = [] }: ReplicaSet, numbers: ReadonlySet<number>): string | undefined {
  const n = nodes.length;
  if (n < 1 || n > REPLICAS_MAX || new Set(nodes).size !== n) return `has replicas ${nodes.slice(0, 2 * REPLICAS_MAX).join()}`;
  if (w < 1 || w > n || r < 1 || r > n) return `has quorums that its ${n} replicas cannot give: w=${w}, r=${r}`;
  if (since.length !== 0 && since.length !== n) return `says of ${since.length} replicas since when they are there, and has ${n}`;
  const stranger = nodes.find((node) => !numbers.has(node));
  return stranger === undefined ? undefined : `is replicated on node ${stranger}, which the map does not describe`;
}

function bad(why: string): QdfsError {
  return new QdfsError("BAD_REQUEST", `a cluster map does not hold together: ${why}`);
}
