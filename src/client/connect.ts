/** The library's entrance: binds the client's logic to gRPC, HTTP, the disk and the real clock. */
import { VERSION } from "../base/version.ts";
import type { Runtime } from "../ports.ts";
import { realRuntime } from "../runtime/runtime.ts";
import { GrpcControlDialer } from "../transport/grpc-control.ts";
import { GrpcSessionDialer } from "../transport/grpc-session.ts";
import { HttpBulkClient } from "../transport/http-bulk-client.ts";
import { assemble } from "./assemble.ts";
import type { Client } from "./client.ts";
import { FrugalBulkClient } from "./frugal-bulk.ts";
import { noMapCache } from "./map-cache.ts";
import { defaultCacheDir, FileMapCache } from "./map-cache-files.ts";

export { QdfsError } from "../base/errors.ts";
export type { Finding } from "../wire/maintenance-messages.ts";
export { Client } from "./client.ts";
export type { NodeRepair, NodeScrub } from "./maintenance.ts";
export type * from "./types.ts";

export const DEFAULT_ADDRESS = "127.0.0.1:7000";

export interface ConnectOptions {
  /** HOST:PORT of SuperNodes or DataNodes. Default: QDFS_SUPERNODE (comma-separated), then 127.0.0.1:7000. */
  readonly addresses?: readonly string[];
  /** Where cluster maps are kept for the day when no given address answers; null: nowhere. Default: the user's cache. */
  readonly cacheDir?: string | null;
  /** Bounds each operation. Default: 30 s for the quorum part, as long as bytes move for transfers. */
  readonly timeoutMs?: number;
  readonly runtime?: Runtime;
}

/**
 * Finds the cluster and fetches its map. The caller closes the client.
 * @throws QdfsError CLUSTER_UNREACHABLE after about 3 s
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const runtime = options.runtime ?? realRuntime();
  const cacheDir = options.cacheDir === undefined ? defaultCacheDir(process.env) : options.cacheDir;
  return await assemble({
    addresses: options.addresses ?? environmentAddresses(process.env.QDFS_SUPERNODE),
    cache: cacheDir === null ? noMapCache : new FileMapCache(cacheDir, runtime.random),
    runtime,
    timeoutMs: options.timeoutMs,
    control: new GrpcControlDialer(runtime),
    sessions: (counter, clusterId) =>
      new GrpcSessionDialer(runtime, counter, () => ({ clusterId: clusterId(), node: 0, version: VERSION })),
    bulk: new FrugalBulkClient(new HttpBulkClient(runtime), runtime.clock, () => Bun.gc(true)),
  });
}

function environmentAddresses(text: string | undefined): readonly string[] {
  const addresses = (text ?? "").split(",").map((address) => address.trim());
  const given = addresses.filter((address) => address !== "");
  return given.length > 0 ? given : [DEFAULT_ADDRESS];
}
