import type { BulkClient, ControlDialer, LamportCounter, Runtime, SessionDialer } from "../ports.ts";
import { HeardCounter } from "../register/heard-counter.ts";
import { ChunkStores } from "./chunk-stores.ts";
import { Client } from "./client.ts";
import type { MapCache } from "./map-cache.ts";
import { MapHolder } from "./map-holder.ts";
import { Peers } from "./peers.ts";
import { Router } from "./router.ts";
import { SuperNodes } from "./super-node.ts";
import { Suspicions } from "./suspicions.ts";

export interface Assembly {
  readonly addresses: readonly string[];
  readonly cache: MapCache;
  readonly runtime: Runtime;
  readonly timeoutMs?: number;
  readonly control: ControlDialer;
  /** `clusterId` is asked when a session begins: "" until the map is known. */
  sessions(counter: LamportCounter, clusterId: () => string): SessionDialer;
  readonly bulk: BulkClient;
}

/** A client over any adapters, with the map fetched. @throws QdfsError CLUSTER_UNREACHABLE */
export async function assemble({ addresses, cache, runtime, timeoutMs, control, sessions, bulk }: Assembly): Promise<Client> {
  const counter = new HeardCounter();
  const holder = new MapHolder(control, addresses, cache, counter, runtime);
  const dialer = sessions(counter, () => holder.clusterId);
  const peers = new Peers(dialer, holder);
  const router = new Router(peers, holder, runtime);
  const stores = new ChunkStores(bulk, peers, holder, runtime);
  const suspicions = new Suspicions(runtime, peers);
  const superNodes = new SuperNodes(holder, runtime);
  const close = () => {
    dialer.close();
    bulk.close();
  };
  try {
    await holder.start();
  } catch (error) {
    await holder.close();
    close();
    throw error;
  }
  return new Client({ holder, peers, router, counter, runtime, stores, suspicions, superNodes, close }, { timeoutMs });
}
