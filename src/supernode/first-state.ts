/** What a SuperNode begins its life with: the stored state, or that of a new cluster. */
import { ADAPTIVE, formatQuorum, parseQuorumSpec, QUORUM_DEFAULT, type QuorumSpec } from "../cluster/quorum-spec.ts";
import { type Retention, withRetention } from "../cluster/retention.ts";
import { CHUNK_BYTES_DEFAULT, INLINE_BYTES_MAX, KEEP_VERSIONS_DEFAULT } from "../limits.ts";
import type { Random } from "../ports.ts";
import type { MapStore, SuperNodeState } from "../supernode-ports.ts";

/**
 * The state to go on from; a new cluster's is not stored yet. `quorum`: what a new cluster is to have; `retention`: what the operator asked for,
 * if anything, which may change at any start: the next map says so.
 * @throws QdfsError STORAGE_FULL
 */
export function firstState(
  store: MapStore,
  quorum: QuorumSpec | undefined,
  random: Random,
  retention: Retention = {},
): SuperNodeState {
  const state = store.load();
  if (state === undefined) {
    const fresh = newCluster(quorum ?? parseQuorumSpec(QUORUM_DEFAULT), random);
    return { ...fresh, map: { ...fresh.map, policy: withRetention(fresh.map.policy, retention) } };
  }
  const policy = withRetention(state.map.policy, retention);
  if (policy === state.map.policy) return state;
  const changed = { ...state, map: { ...state.map, version: state.map.version + 1, policy } };
  store.save(changed);
  return changed;
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
        tombstoneGraceMs: 0,
        orphanAgeMs: 0,
      },
      nodes: [],
      partitions: [],
      supernodes: [],
      waitingFor: "",
      nextNode: 1,
    },
  };
}
