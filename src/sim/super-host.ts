/** The machine of a simulated SuperNode: what outlives its process, and how one boots on it, as serve.ts does without sockets. */

import { HeardCounter } from "../register/heard-counter.ts";
import type { MemoryCatalogueStore, MemoryMapStore } from "../storage/memory-super-store.ts";
import { beginState } from "../supernode/begin.ts";
import { firstState } from "../supernode/first-state.ts";
import { SuperNode, type SuperNodeParts } from "../supernode/supernode.ts";
import type { CatalogueStore, MapStore } from "../supernode-ports.ts";
import { MemoryControlDialer } from "../transport/memory-control.ts";
import type { MemoryNetwork } from "../transport/memory-network.ts";
import { MemorySessionDialer } from "../transport/memory-session.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { Life } from "./life.ts";

export interface SuperDisk {
  readonly maps: MemoryMapStore;
  readonly catalogue: MemoryCatalogueStore;
  /** What tells its lives from those of other machines. */
  readonly diskId: string;
  /** Where its operator says DataNodes are; used while the disk holds no state of its own. */
  recoverFrom: readonly string[];
}

export interface SuperNodeBoot {
  readonly disk: SuperDisk;
  readonly life: Life;
  readonly network: MemoryNetwork;
  /** HOST:PORT. */
  readonly address: string;
  readonly version: string;
  readonly rebalance: SuperNodeParts["rebalance"];
  readonly replaceAfterMs: number | null;
  readonly onReplaced: (error: unknown) => void;
  /** It stores a map. */
  readonly onIssued: (map: ClusterMap) => void;
}

/** How long an operator lets a recovery wait; then it is begun again. */
const PATIENCE_MS = 60_000;

/** The SuperNode on a disk, not started yet. Rejects as `serveSuperNode` does. */
export async function recoveredSuperNode(boot: SuperNodeBoot): Promise<SuperNode> {
  const { disk, life, network, address } = boot;
  const maps = mapsOf(disk.maps, life, boot.onIssued);
  await beginState({
    runtime: life,
    control: new MemoryControlDialer(network, life.place, life),
    maps,
    recoverFrom: maps.load() === undefined ? disk.recoverFrom : undefined, // as its operator does
    life: disk.diskId,
    address,
    patienceMs: PATIENCE_MS,
  });
  return superNodeOn(boot);
}

/** As `recoveredSuperNode`, of a disk with a state that nobody disputes. */
export function superNodeOn(boot: SuperNodeBoot): SuperNode {
  const { disk, life, network, onReplaced, onIssued, version, rebalance, replaceAfterMs } = boot;
  const maps = mapsOf(disk.maps, life, onIssued);
  const state = firstState(maps, undefined, life.random);
  const { clusterId } = state.map;
  const counter = new HeardCounter();
  return new SuperNode({
    runtime: life,
    maps,
    catalogue: catalogueOf(disk.catalogue, life),
    dialer: new MemorySessionDialer(network, life.place, life, counter, () => ({ clusterId, node: 0, version })),
    control: new MemoryControlDialer(network, life.place, life),
    counter,
    state,
    rebalance,
    replaceAfterMs,
    onReplaced,
  });
}

/** The stores as one process sees them: not beyond its death. */
function mapsOf(store: MemoryMapStore, life: Life, onIssued: (map: ClusterMap) => void): MapStore {
  return {
    load: () => store.load(),
    save: (state) => {
      life.use();
      if (life.over) return;
      onIssued(state.map);
      store.save(state);
    },
    get isBackup() {
      return store.isBackup;
    },
    close: () => {},
  };
}

function catalogueOf(store: CatalogueStore, life: Life): CatalogueStore {
  return {
    apply: (writes) => {
      if (!life.over) store.apply(writes);
    },
    entry: (path) => store.entry(path),
    list: (query) => store.list(query),
    usage: (prefix) => store.usage(prefix),
    trashUsage: (prefix) => store.trashUsage(prefix),
    totals: () => store.totals(),
    cursor: (diskId) => store.cursor(diskId),
    clear: () => store.clear(),
    maintain: () => {},
    close: () => {},
  };
}
