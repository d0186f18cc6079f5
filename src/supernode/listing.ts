/** `ls`, `trash` and `du`: pages of the catalogue, fenced so that they show every put that had returned before (P20). */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { parseDirectoryPath } from "../base/path.ts";
import { replicasOf } from "../cluster/map.ts";
import { LIST_PAGE_MAX } from "../limits.ts";
import type { CatalogueFile, CatalogueStore } from "../supernode-ports.ts";
import type { Garbage } from "../wire/garbage-messages.ts";
import {
  type ClusterMap,
  type ListEntry,
  ListKind,
  type ListReply,
  type ListRequest,
  type UsageReply,
  type UsageRequest,
} from "../wire/messages.ts";
import type { Fence } from "./fence.ts";
import { reclaimable } from "./reclaimable.ts";

export class Listing {
  readonly #store: CatalogueStore;
  readonly #fence: Fence;
  readonly #map: () => ClusterMap;
  readonly #ageMs: () => number;
  readonly #garbage: () => readonly Garbage[];

  /** `garbage`: what the DataNodes told of theirs. */
  constructor(
    store: CatalogueStore,
    fence: Fence,
    map: () => ClusterMap,
    ageMs: () => number,
    garbage: () => readonly Garbage[] = () => [],
  ) {
    this.#store = store;
    this.#fence = fence;
    this.#map = map;
    this.#ageMs = ageMs;
    this.#garbage = garbage;
  }

  /** @throws QdfsError BAD_PATH; NOT_FOUND: no such node */
  async list(request: ListRequest): Promise<ListReply> {
    const prefix = parseDirectoryPath(request.prefix);
    const partitions = request.node === 0 ? undefined : partitionsOf(this.#map(), request.node);
    const incomplete = request.eventual ? "" : await this.#fence.pass();
    const ageMs = request.eventual ? this.#ageMs() : 0;
    const { recursive, kind, after } = request;
    const limit = Math.min(request.limit || LIST_PAGE_MAX, LIST_PAGE_MAX);
    const page = this.#store.list({ prefix, recursive, kind, after, limit, ...(partitions && { partitions }) });
    const self = page.entries.length === 0 && after === "" ? this.#fileAt(prefix, kind, partitions) : undefined;
    if (self !== undefined) return { entries: [self], more: false, incomplete, ageMs, prefixIsFile: true };
    return { ...page, incomplete, ageMs, prefixIsFile: false };
  }

  /** @throws QdfsError BAD_PATH */
  async usage(request: UsageRequest): Promise<UsageReply> {
    const prefix = parseDirectoryPath(request.prefix);
    const incomplete = await this.#fence.pass();
    const { files, sizeBytes, storedBytes } = this.#store.usage(prefix);
    const usage = { files, sizeBytes, storedBytes: storedBytes * this.#map().policy.n, incomplete };
    if (!request.reclaimable) return usage;
    return {
      ...usage,
      reclaimable: reclaimable({
        policy: this.#map().policy,
        live: { files, sizeBytes, storedBytes },
        trash: this.#store.trashUsage(prefix),
        garbage: prefix === "/" ? this.#garbage() : undefined,
      }),
    };
  }

  /** A prefix that names no directory may name a file: then that one is listed. */
  #fileAt(path: Path, kind: ListKind, partitions: ReadonlySet<number> | undefined): ListEntry | undefined {
    const file = this.#store.entry(path);
    if (file === undefined || file.tombstone !== (kind === ListKind.TRASH)) return undefined;
    return partitions === undefined || partitions.has(file.partition) ? listEntry(file) : undefined;
  }
}

function listEntry(file: CatalogueFile): ListEntry {
  const { path, sizeBytes, version, modifiedAtMs, writtenAtMs, by, checksum } = file;
  return { path, directory: false, sizeBytes, version, modifiedAtMs, writtenAtMs, by, checksum };
}

/** @throws QdfsError NOT_FOUND */
function partitionsOf(map: ClusterMap, number: NodeNumber): ReadonlySet<number> {
  if (!map.nodes.some((node) => node.number === number)) {
    throw new QdfsError("NOT_FOUND", `the cluster has no DataNode ${nodeName(number)}`);
  }
  return new Set(
    map.partitions.flatMap((configuration, partition) => (replicasOf(configuration).includes(number) ? [partition] : [])),
  );
}
