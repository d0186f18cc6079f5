/** A SuperNode with real sockets and a real disk. */
import { QdfsError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import type { QuorumSpec } from "../cluster/quorum-spec.ts";
import { DRAIN_MS } from "../limits.ts";
import type { Runtime, SuperNodeState } from "../ports.ts";
import { HeardCounter } from "../register/heard-counter.ts";
import { SqliteCatalogueStore } from "../storage/catalogue-store.ts";
import { type DataDir, openDataDir } from "../storage/data-dir.ts";
import { SqliteMapStore } from "../storage/map-store.ts";
import { GrpcServer } from "../transport/grpc-server.ts";
import { GrpcSessionDialer } from "../transport/grpc-session.ts";
import { startBulkServer } from "../transport/http-bulk-server.ts";
import { firstState } from "./first-state.ts";
import { SuperNode } from "./supernode.ts";

export interface SuperNodeOptions {
  readonly host: string;
  /** 0 picks a free one, here and below. */
  readonly port: number;
  readonly httpPort: number;
  /** HOST:PORT where the others reach the gRPC port; undefined: where it listens. */
  readonly advertise?: string | undefined;
  readonly dataDir: string;
  /** Undefined: what the cluster has; majority for a new one. */
  readonly quorum?: QuorumSpec | undefined;
  /** DataNodes to wait for before the partitions are assigned; undefined: n. */
  readonly expect?: number | undefined;
  readonly runtime: Runtime;
}

export interface ServedSuperNode {
  readonly id: string;
  readonly clusterId: string;
  readonly grpc: string;
  readonly http: string;
  readonly dataDir: string;
  /** Finishes what is under way and closes everything. */
  drain(): Promise<void>;
}

/** There is one SuperNode yet. */
const SUPERNODE_ID = "sn-1";

/**
 * Opens the data directory, listens, serves. Nothing of a new cluster is stored before the ports are ours.
 * @throws QdfsError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE, ADDRESS_IN_USE, BAD_QUORUM (the cluster has another), STORAGE_FULL
 */
export async function serveSuperNode(options: SuperNodeOptions): Promise<ServedSuperNode> {
  const { runtime, host } = options;
  const undo: (() => unknown)[] = [];
  try {
    const dataDir = openDataDir(options.dataDir, "supernode", runtime.random);
    undo.push(() => dataDir.close());
    const maps = new SqliteMapStore(dataDir.file("map.db"));
    undo.push(() => maps.close());
    const state = ownState(dataDir, firstState(maps, options.quorum, runtime.random));
    const catalogue = SqliteCatalogueStore.open(dataDir.file("catalogue.db"));
    undo.push(() => catalogue.close());

    const counter = new HeardCounter();
    const { clusterId } = state.map;
    const dialer = new GrpcSessionDialer(runtime, counter, () => ({ clusterId, node: 0, version: VERSION }));
    undo.push(() => dialer.close());
    const superNode = new SuperNode({ runtime, maps, catalogue, dialer, counter, state, expect: options.expect });
    undo.push(() => superNode.stop());
    const http = startBulkServer({ host, port: options.httpPort, handler: superNode });
    undo.push(() => http.stop());
    const grpc = new GrpcServer(runtime, { host, port: options.port, control: superNode });
    const address = await grpc.start();
    undo.push(() => grpc.stop());
    superNode.start(options.advertise ?? address);
    dataDir.joinCluster(clusterId, 0);

    const close = () => {
      superNode.stop();
      for (const port of [dialer, catalogue, maps, dataDir]) port.close();
    };
    return {
      id: SUPERNODE_ID,
      clusterId,
      grpc: address,
      http: http.address,
      dataDir: dataDir.path,
      drain: async () => {
        await Promise.all([grpc.drain(DRAIN_MS / 2), http.drain()]);
        close();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

/** The state, which must be that of the directory's cluster. @throws QdfsError DATA_DIR_UNUSABLE */
function ownState(dataDir: DataDir, state: SuperNodeState): SuperNodeState {
  const { clusterId } = dataDir.identity;
  if (clusterId === "" || clusterId === state.map.clusterId) return state;
  throw new QdfsError(
    "DATA_DIR_UNUSABLE",
    `data directory ${dataDir.path}: map.db does not hold the map of cluster ${clusterId}, to which it belongs`,
  );
}
