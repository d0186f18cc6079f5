/** A DataNode with real sockets and a real disk. */
import { statfsSync } from "node:fs";
import { Collector } from "../base/collector.ts";
import { QdfsError } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { VERSION } from "../base/version.ts";
import { DRAIN_MS } from "../limits.ts";
import type { BulkHandler, LamportCounter, Runtime, SessionHandler } from "../ports.ts";
import { DiskChunkFiles } from "../storage/chunk-files.ts";
import { openDataDir } from "../storage/data-dir.ts";
import { SqliteNodeStore } from "../storage/node-store.ts";
import { GrpcControlDialer } from "../transport/grpc-control.ts";
import { GrpcServer } from "../transport/grpc-server.ts";
import { GrpcSessionDialer } from "../transport/grpc-session.ts";
import { HttpBulkClient } from "../transport/http-bulk-client.ts";
import { startBulkServer } from "../transport/http-bulk-server.ts";
import { DataNode } from "./datanode.ts";
import { generationOf } from "./map-keeper.ts";
import { admit, knownSuperNodes, SuperNodes } from "./membership.ts";

export interface DataNodeOptions {
  readonly host: string;
  /** 0 picks a free one, here and below. */
  readonly port: number;
  readonly httpPort: number;
  /** HOST:PORT where the others reach this node; undefined: where it listens. */
  readonly advertise?: string | undefined;
  readonly advertiseHttp?: string | undefined;
  readonly dataDir: string;
  /** HOST:PORT of the SuperNodes. */
  readonly supernodes: readonly string[];
  readonly zone: string;
  readonly weight: number;
  /** 0: as much as the disk has. */
  readonly capacityBytes: number;
  /** Every stored byte is read and verified again within this long. */
  readonly scrubPeriodMs: number;
  readonly runtime: Runtime;
}

export interface ServedDataNode {
  readonly id: string;
  /** Where it listens, here and below. */
  readonly grpc: string;
  readonly http: string;
  readonly dataDir: string;
  /** Finishes what is under way and closes everything. */
  drain(): Promise<void>;
}

/**
 * Opens the data directory, listens, joins the cluster, serves. A member serves at once, whether a SuperNode answers or not;
 * a newcomer waits for its admission.
 * @throws QdfsError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE, ADDRESS_IN_USE, WRONG_CLUSTER, NOT_ALLOWED, STORAGE_FULL
 */
export async function serveDataNode(options: DataNodeOptions): Promise<ServedDataNode> {
  const { runtime } = options;
  const undo: (() => unknown)[] = [];
  try {
    const dataDir = openDataDir(options.dataDir, "datanode", runtime.random);
    undo.push(() => dataDir.close());
    const store = SqliteNodeStore.open(dataDir.file("node.db"), dataDir.identity.diskId);
    undo.push(() => store.close());
    const files = DiskChunkFiles.open(dataDir.path);

    const late = new LateNode(new Collector(runtime.clock, () => Bun.gc(true)));
    const http = startBulkServer({ host: options.host, port: options.httpPort, handler: late.bulk });
    undo.push(() => http.stop());
    const grpc = new GrpcServer(runtime, {
      host: options.host,
      port: options.port,
      sessions: {
        handler: late,
        hello: () => late.served().greeting(),
        counter: late,
      },
      control: {
        getMap: async () => await late.served().getMap(),
        follow: async (request) => await late.served().follow(request),
        scrub: async (request) => await late.served().scrub(request),
        repair: async (request) => await late.served().repair(request),
      },
    });
    const grpcAddress = await grpc.start();
    undo.push(() => grpc.stop());

    const supernodes = new SuperNodes(new GrpcControlDialer(runtime), options.supernodes, knownSuperNodes(store));
    const { clusterId, node: number, diskId } = dataDir.identity;
    const { zone, weight, capacityBytes } = options;
    const addresses = { grpc: options.advertise ?? grpcAddress, http: options.advertiseHttp ?? http.address };
    const mapGeneration = generationOf(store.map(), store.followed());
    const joined = { clusterId, number, diskId, ...addresses, zone, weight, capacityBytes, version: VERSION, mapGeneration };
    const admission = await admit(runtime, supernodes, {
      request: joined,
      known: store.map(),
      admitted: (reply) => dataDir.joinCluster(reply.map.clusterId, reply.number),
      onFatal: stopProcess,
    });
    const node = new DataNode({
      runtime,
      store,
      files,
      sessions: (counter, hello) => new GrpcSessionDialer(runtime, counter, hello),
      bulk: new HttpBulkClient(runtime),
      supernodes,
      joined,
      self: dataDir.identity.node,
      diskId: dataDir.identity.diskId,
      map: admission,
      version: VERSION,
      capacityBytes: options.capacityBytes || diskSize(dataDir.path),
      scrubPeriodMs: options.scrubPeriodMs,
      onFatal: stopProcess,
    });
    await node.open();
    await node.adopt(admission);
    late.serve(node);
    node.start();
    return {
      id: nodeName(dataDir.identity.node),
      grpc: grpcAddress,
      http: http.address,
      dataDir: dataDir.path,
      drain: async () => {
        const drained = grpc.drain(DRAIN_MS);
        await http.drain();
        await node.stop();
        await drained;
        dataDir.close();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

/** The node can go on no longer (a broken invariant, an unusable disk, another cluster): the process ends with the error. */
function stopProcess(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function diskSize(path: string): number {
  const { blocks, bsize } = statfsSync(path);
  return blocks * bsize;
}

/** The servers listen before the node exists, for its addresses are part of its admission. Until then they turn callers away. */
class LateNode implements SessionHandler, LamportCounter {
  #node: DataNode | undefined;
  readonly #collector: Collector;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  serve(node: DataNode): void {
    this.#node = node;
  }

  served(): DataNode {
    if (this.#node === undefined)
      throw new QdfsError("CLUSTER_WAITING", "this DataNode is waiting to be admitted to its cluster");
    return this.#node;
  }

  current(): number {
    return this.#node?.counter.current() ?? 0;
  }

  observe(counter: number): void {
    this.#node?.counter.observe(counter);
  }

  hello(...[hello]: Parameters<SessionHandler["hello"]>): void {
    this.served().hello(hello);
  }

  request(...[request, answer]: Parameters<SessionHandler["request"]>): void {
    this.served().request(request, answer);
  }

  chosen(...[hint]: Parameters<SessionHandler["chosen"]>): void {
    this.served().chosen(hint);
  }

  readonly bulk: BulkHandler = {
    putChunk: async (chunk, owner, body, checksum) => {
      const receipt = await this.served().chunks.putChunk(chunk, owner, body, checksum);
      this.#collector.moved(receipt.sizeBytes);
      return receipt;
    },
    openChunk: async (chunk) => await this.served().chunks.openChunk(chunk),
    reportChunk: async (chunk) => await this.served().chunks.reportChunk(chunk),
    metrics: () => this.served().metrics(),
  };
}
