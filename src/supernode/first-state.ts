/** What a SuperNode begins its life with: the stored state, or that of a new cluster. */
import { QdfsError } from "../base/errors.ts";
import { ADAPTIVE, formatQuorum, parseQuorumSpec, QUORUM_DEFAULT, type QuorumSpec } from "../cluster/quorum-spec.ts";
import { CHUNK_BYTES_DEFAULT, INLINE_BYTES_MAX, KEEP_VERSIONS_DEFAULT } from "../limits.ts";
import type { MapStore, Random, SuperNodeState } from "../ports.ts";

/**
 * The state to go on from; a new cluster's is not stored yet. `quorum`: what the operator asked for, if anything.
 * @throws QdfsError BAD_QUORUM: the cluster exists and has another quorum
 */
export function firstState(store: MapStore, quorum: QuorumSpec | undefined, random: Random): SuperNodeState {
  const state = store.load();
  if (state === undefined) return newCluster(quorum ?? parseQuorumSpec(QUORUM_DEFAULT), random);
  const has = state.map.policy;
  if (quorum !== undefined && !isSame(quorum, has)) {
    throw new QdfsError(
      "BAD_QUORUM",
      `this cluster's quorum is ${formatQuorum(has)}, not ${formatQuorum(quorum)}: it was set when the cluster was made and cannot be changed yet; start without --quorum`,
      { clusterId: state.map.clusterId },
    );
  }
  return state;
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
    },
  };
}
