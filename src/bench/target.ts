/**
 * What the bench drives: a cluster, seen through one client that all its logical clients share. Implemented by the client
 * library (cli/commands/bench.ts) and by a fake in tests. Every call rejects with QdfsError or with a bug.
 */
import type { Path } from "../base/ids.ts";

export interface BenchTarget {
  /** Resolves when the write is acknowledged; `node` coordinated it. */
  put(path: Path, bytes: Uint8Array): Promise<{ readonly version: number; readonly node: string }>;
  /** A strong read of the current version; `node` sent the bytes. */
  get(path: Path): Promise<{ readonly version: number; readonly node: string; readonly bytes: Uint8Array }>;
  /** Hands over all files of the file system, or those that one node holds. Resolves with false if some may be missing. */
  list(node: string | null, each: (path: Path, version: number) => void): Promise<boolean>;
  remove(path: Path): Promise<unknown>;
  describe(): Promise<ClusterDescription>;
}

export interface ClusterDescription {
  readonly quorum: { readonly n: number; readonly w: number; readonly r: number; readonly name: string };
  /** The DataNodes' names. */
  readonly nodes: readonly string[];
}
