/** What a SuperNode begins a life with: what its disk holds, what the DataNodes know when that is lost or a backup, or a new cluster. */
import { QdfsError } from "../base/errors.ts";
import type { QuorumSpec } from "../cluster/quorum-spec.ts";
import type { Retention } from "../cluster/retention.ts";
import type { ControlDialer, Runtime } from "../ports.ts";
import type { MapStore, SuperNodeState } from "../supernode-ports.ts";
import { firstState } from "./first-state.ts";
import { recoverState } from "./recovery.ts";
import { refuseIfReplaced } from "./succession.ts";

export interface BeginParts {
  readonly runtime: Runtime;
  readonly control: ControlDialer;
  readonly maps: MapStore;
  /** What the operator asked for, if anything. */
  readonly quorum?: QuorumSpec | undefined;
  /** As quorum; may change at any start. */
  readonly retention?: Retention | undefined;
  /** HOST:PORT of DataNodes: the state is lost, and taken from them. */
  readonly recoverFrom?: readonly string[] | undefined;
  /** The disk of this SuperNode. */
  readonly life: string;
  /** HOST:PORT where this SuperNode is reached. */
  readonly address: string;
  /** How long a recovery waits for enough DataNodes. */
  readonly patienceMs: number;
}

/**
 * The state to go on from. A recovered one is stored; a new cluster's is not yet.
 * @throws QdfsError DATA_DIR_UNUSABLE (a recovery over a state that is not a backup's, or the state is an older copy), SUPERSEDED,
 * BAD_QUORUM, STORAGE_FULL, or what recoverState throws
 */
export async function beginState(parts: BeginParts): Promise<SuperNodeState> {
  const { runtime, control, maps, quorum, recoverFrom = [] } = parts;
  const stored = maps.load();
  if (stored !== undefined && !maps.isBackup) {
    if (parts.recoverFrom !== undefined) throw inUse(stored);
    await refuseIfReplaced(runtime, control, () => stored.map);
  } else if (stored !== undefined || parts.recoverFrom !== undefined) {
    const { life, address, patienceMs } = parts;
    const state = await recoverState({ runtime, control, addresses: recoverFrom, backup: stored, life, address, patienceMs });
    maps.save(state); // before anyone is told of it (I1)
  }
  return firstState(maps, quorum, runtime.random, parts.retention);
}

/** It may be newer than anything that the DataNodes know. */
function inUse({ map }: SuperNodeState): QdfsError {
  return new QdfsError(
    "DATA_DIR_UNUSABLE",
    `the data directory is not empty: it holds the map of cluster ${map.clusterId}. Start it without --recover-from, or recover into an empty directory`,
    { clusterId: map.clusterId },
  );
}
