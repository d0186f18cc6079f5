/** A SuperNode with real sockets and a real disk. */
import { QdfsError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import type { QuorumSpec } from "../cluster/quorum-spec.ts";
import type { Retention } from "../cluster/retention.ts";
import { DRAIN_MS, RECOVERY_PATIENCE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { HeardCounter } from "../register/heard-counter.ts";
import { SqliteCatalogueStore } from "../storage/catalogue-store.ts";
import { type DataDir, openDataDir } from "../storage/data-dir.ts";
import { SqliteMapStore } from "../storage/map-store.ts";
import type { SuperNodeState } from "../supernode-ports.ts";
import { GrpcControlDialer } from "../transport/grpc-control.ts";
import { GrpcServer } from "../transport/grpc-server.ts";
import { GrpcSessionDialer } from "../transport/grpc-session.ts";
import { startBulkServer } from "../transport/http-bulk-server.ts";
import { beginState } from "./begin.ts";
import { otherQuorum } from "./first-state.ts";
import { LateSuperNode } from "./late-supernode.ts";
import type { AdaptivePace } from "./quorum-controller.ts";
import { SuperNode } from "./supernode.ts";

export interface SuperNodeOptions {
  readonly host: string;
  /** 0 picks a free one, here and below. */
  readonly port: number;
  readonly httpPort: number;
  /** HOST:PORT where the others reach the gRPC port; undefined: where it listens. */
  readonly advertise?: string | undefined;
  readonly dataDir: string;
  /** Of a new cluster; undefined: majority. One that exists keeps what it has. */
  readonly quorum?: QuorumSpec | undefined;
  /** DataNodes to wait for before the partitions are assigned; undefined: n. */
  readonly expect?: number | undefined;
  /** HOST:PORT of DataNodes: the state is lost, and taken from them. A backup that was put back is completed by its own DataNodes, and these. */
  readonly recoverFrom?: readonly string[] | undefined;
  /** How long to wait for enough of them; undefined: RECOVERY_PATIENCE_MS. */
  readonly recoveryPatienceMs?: number | undefined;
  /** The SuperNode can go on no longer: it was replaced. */
  readonly onFatal?: ((error: QdfsError) => void) | undefined;
  /** What the operator asks for; the rest stays as it is, or is the default. */
  readonly retention?: Retention | undefined;
  /** Others take the place of a DataNode that was down for so long; undefined: by default, null: never. */
  readonly replaceAfterMs?: number | null | undefined;
  readonly adaptive?: AdaptivePace | undefined;
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

/** To listen on all addresses; nobody is reached there from elsewhere. */
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** There is one SuperNode yet. */
const SUPERNODE_ID = "sn-1";

/**
 * Opens the data directory, listens, recovers what is lost, serves. Nothing of a new cluster is stored before the ports are ours.
 * @throws QdfsError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE, ADDRESS_IN_USE, STORAGE_FULL, SUPERSEDED (another SuperNode took its place),
 * BAD_USAGE (a recovered SuperNode says where it is reached), or what beginState throws
 */
export async function serveSuperNode(options: SuperNodeOptions): Promise<ServedSuperNode> {
  const { runtime, host } = options;
  const undo: (() => unknown)[] = [];
  try {
    const dataDir = openDataDir(options.dataDir, "supernode", runtime.random);
    undo.push(() => dataDir.close());
    const maps = new SqliteMapStore(dataDir.file("map.db"));
    undo.push(() => maps.close());
    checkOwn(dataDir, maps.load());
    if (options.recoverFrom !== undefined || maps.isBackup) checkReachable(options);
    const late = new LateSuperNode();
    const http = startBulkServer({ host, port: options.httpPort, handler: late });
    undo.push(() => http.stop());
    const grpc = new GrpcServer(runtime, { host, port: options.port, control: late });
    grpc.setServing(false);
    const address = await grpc.start();
    undo.push(() => grpc.stop());
    const at = options.advertise ?? address;
    const control = new GrpcControlDialer(runtime);
    const state = await beginState({
      runtime,
      control,
      maps,
      quorum: options.quorum,
      retention: options.retention,
      recoverFrom: options.recoverFrom,
      life: dataDir.identity.diskId,
      address: at,
      patienceMs: options.recoveryPatienceMs ?? RECOVERY_PATIENCE_MS,
    });
    const notice = otherQuorum(state, options.quorum);
    if (notice !== undefined) runtime.log.warn(notice);
    const catalogue = SqliteCatalogueStore.open(dataDir.file("catalogue.db"));
    undo.push(() => catalogue.close());

    const counter = new HeardCounter();
    const { clusterId } = state.map;
    const dialer = new GrpcSessionDialer(runtime, counter, () => ({ clusterId, node: 0, version: VERSION }));
    undo.push(() => dialer.close());
    const superNode = new SuperNode({
      runtime,
      maps,
      catalogue,
      dialer,
      control,
      counter,
      state,
      expect: options.expect,
      replaceAfterMs: options.replaceAfterMs,
      adaptive: options.adaptive,
      onReplaced: options.onFatal ?? stopProcess,
      backups: maps,
    });
    undo.push(() => superNode.stop());
    superNode.start(at);
    dataDir.joinCluster(clusterId, 0);
    late.serve(superNode);
    grpc.setServing(true);

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

/** DataNodes keep the address that they are asked to follow. @throws QdfsError BAD_USAGE */
function checkReachable({ host, advertise }: SuperNodeOptions): void {
  if (advertise !== undefined || !EVERYWHERE.has(host)) return;
  throw new QdfsError(
    "BAD_USAGE",
    `DataNodes are told where a recovered SuperNode is, and ${host} is no such place: say it with --advertise HOST:PORT`,
  );
}

/** Another SuperNode took this one's place: the process ends with the error. */
function stopProcess(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** A stored state must be that of the directory's cluster. @throws QdfsError DATA_DIR_UNUSABLE */
function checkOwn(dataDir: DataDir, state: SuperNodeState | undefined): void {
  const { clusterId } = dataDir.identity;
  if (clusterId === "" || clusterId === state?.map.clusterId) return;
  throw new QdfsError(
    "DATA_DIR_UNUSABLE",
    `data directory ${dataDir.path}: map.db does not hold the map of cluster ${clusterId}, to which it belongs`,
  );
}
