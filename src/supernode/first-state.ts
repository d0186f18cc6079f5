/** What a SuperNode begins its life with: the stored state, or that of a new cluster. */
import { ADAPTIVE, formatQuorum, parseQuorumSpec, QUORUM_DEFAULT, type QuorumSpec } from "../cluster/quorum-spec.ts";
import { CHUNK_BYTES_DEFAULT, INLINE_BYTES_MAX, KEEP_VERSIONS_DEFAULT } from "../limits.ts";
import type { Random } from "../ports.ts";
import type { MapStore, SuperNodeState } from "../supernode-ports.ts";

/** The state to go on from; a new cluster's is not stored yet. `quorum`: what a new cluster is to have. */
export function firstState(store: MapStore, quorum: QuorumSpec | undefined, random: Random): SuperNodeState {
  return store.load() ?? newCluster(quorum ?? parseQuorumSpec(QUORUM_DEFAULT), random);
}

/**
 * What to tell an operator who asks for a quorum that the cluster does not have; undefined: nothing. It is no failure: a quorum may have been set since the
 * command line was written, and a SuperNode that would not start for that would be missed.
 */
export function otherQuorum({ map }: SuperNodeState, quorum: QuorumSpec | undefined): string | undefined {
  const has = map.policy;
  if (quorum === undefined || isSame(quorum, has)) return undefined;
  return `this cluster's quorum is ${formatQuorum(has)}, and stays so: --quorum ${formatQuorum(quorum)} counts when a cluster is made; \`qdfs quorum set\` changes it`;
}

/** An adaptive quorum is the same wherever it has moved to. */
function isSame(a: QuorumSpec, b: QuorumSpec): boolean {
  if (a.name === ADAPTIVE || b.name === ADAPTIVE) return a.name === b.name && a.n === b.n;
  return a.n === b.n && a.w === b.w && a.r === b.r;
}

function newCluster(quorum: QuorumSpec, random: Random): SuperNodeState {
  return {
    nextNodeNumber: 1,
    map: {
      clusterId: random.hex(16),
      generation: 1,
      version: 0,
      policy: {
        ...quorum,
        chunkSizeBytes: CHUNK_BYTES_DEFAULT,
        inlineLimitBytes: INLINE_BYTES_MAX,
        keepVersions: KEEP_VERSIONS_DEFAULT,
      },
      nodes: [],
      partitions: [],
      supernodes: [],
      waitingFor: "",
      nextNode: 1,
    },
  };
}
