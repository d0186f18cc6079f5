import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { parseDirectoryPath, parseFilePath } from "../base/path.ts";
import type { Facts } from "../doctor/facts.ts";
import { OPERATION_BUDGET_MS } from "../limits.ts";
import type { SetQuorumReply, SetQuorumRequest } from "../wire/change-messages.ts";
import type { LeaveReply, LeaveRequest } from "../wire/leave-messages.ts";
import { type BackupReply, type ClusterMap, ListKind, type UsageReply, type Version } from "../wire/messages.ts";
import type { StatusReply } from "../wire/status-messages.ts";
import { change } from "./change.ts";
import { checkedOptions } from "./check-options.ts";
import { copy, move } from "./copy.ts";
import { examine } from "./examine.ts";
import { explain } from "./explain.ts";
import { get, readWhole } from "./get.ts";
import { Listing } from "./listing.ts";
import { type NodeRepair, type NodeScrub, repairAt, repairFile, scrubNode } from "./maintenance.ts";
import { type PutPorts, put } from "./put.ts";
import { readStrong } from "./read.ts";
import { stat } from "./stat.ts";
import type { SuperNodes } from "./super-node.ts";
import type {
  ChangeOptions,
  ChangeResult,
  Content,
  Explanation,
  GetOptions,
  GetResult,
  ListOptions,
  OperationOptions,
  PutOptions,
  PutResult,
  ReadOptions,
  ReadResult,
  RemoveOptions,
  Stat,
} from "./types.ts";

export interface ClientPorts extends PutPorts {
  readonly superNodes: SuperNodes;
  /** Ends connections. */
  close(): void;
}

/**
 * One cluster, from outside: what `connect` gives. Safe for any number of operations at a time. Every method rejects with
 * QdfsError: BAD_PATH and BAD_USAGE before anything is sent, CLUSTER_WAITING while the cluster has too few DataNodes.
 */
export class Client {
  readonly #ports: ClientPorts;
  readonly #defaults: OperationOptions;

  /** `timeoutMs`: for operations that do not say their own. */
  constructor(ports: ClientPorts, defaults: OperationOptions = {}) {
    this.#ports = ports;
    this.#defaults = defaults.timeoutMs === undefined ? {} : { timeoutMs: defaults.timeoutMs };
  }

  /** The newest cluster map that this client knows. */
  get map(): ClusterMap {
    return this.#ports.holder.map;
  }

  /**
   * Stores a new version of a file. Linearizable and durable at W when it resolves, unless `ack` asks for less.
   * @throws QdfsError ALREADY_EXISTS, VERSION_DIFFERS, QUORUM_UNAVAILABLE, STORAGE_FULL (nothing was done); OUTCOME_UNKNOWN
   */
  async put(path: string, content: Content, options: PutOptions = {}): Promise<PutResult> {
    return await put(this.#ports, parseFilePath(path), content, this.#with(options));
  }

  /** A version's facts and a stream of its verified bytes. @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE, CORRUPT */
  async get(path: string, options: GetOptions = {}): Promise<GetResult> {
    return await get(this.#ports, parseFilePath(path), this.#with(options));
  }

  /** As `get`, with all bytes at once: for files that fit memory. */
  async read(path: string, options: ReadOptions = {}): Promise<ReadResult> {
    return await readWhole(this.#ports, parseFilePath(path), this.#with(options));
  }

  /** A version's facts, and what each replica of the file holds. @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE */
  async stat(path: string, options: ReadOptions = {}): Promise<Stat> {
    return await stat(this.#ports, parseFilePath(path), this.#with(options));
  }

  /** The versions that are kept, newest first, tombstones among them. @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE */
  async versions(path: string, options: OperationOptions = {}): Promise<readonly Version[]> {
    const file = parseFilePath(path);
    const budgetMs = this.#with(options).timeoutMs ?? OPERATION_BUDGET_MS;
    const { head } = await readStrong(this.#ports, { path: file, version: 0, want: "head", budgetMs });
    if (head !== undefined && head.current.version > 0) return [head.current, ...head.history];
    throw new QdfsError("NOT_FOUND", `${file} does not exist`, { path: file });
  }

  /** Makes a kept version the current one again, as a new version. @throws QdfsError NOT_FOUND, and as `put` */
  async restore(path: string, version: number, options: ChangeOptions = {}): Promise<ChangeResult> {
    return await change(this.#ports, parseFilePath(path), { restore: version }, this.#with(options));
  }

  /** Deletes a file, which leaves a tombstone and the kept versions. @throws QdfsError NOT_FOUND, and as `put` */
  async remove(path: string, options: RemoveOptions = {}): Promise<ChangeResult> {
    return await change(this.#ports, parseFilePath(path), "remove", this.#with(options));
  }

  /** Writes the current version of `from` to `to`, through this client. */
  async copy(from: string, to: string, options: ChangeOptions = {}): Promise<PutResult> {
    return await copy(this.#ports, parseFilePath(from), parseFilePath(to), this.#with(options));
  }

  /** Copies, then removes the source unless it changed meanwhile: VERSION_DIFFERS. */
  async move(from: string, to: string, options: ChangeOptions = {}): Promise<ChangeResult> {
    return await move(this.#ports, parseFilePath(from), parseFilePath(to), this.#with(options));
  }

  /** The files and directories under a prefix, or the file that it names. Its iteration rejects with CLUSTER_UNREACHABLE. */
  list(prefix: string, options: ListOptions = {}): Listing {
    return new Listing(this.#ports.superNodes, parseDirectoryPath(prefix), ListKind.FILES, options);
  }

  /** Deleted files whose versions are still kept. */
  trash(prefix: string, options: ListOptions = {}): Listing {
    return new Listing(this.#ports.superNodes, parseDirectoryPath(prefix), ListKind.TRASH, { recursive: true, ...options });
  }

  /** Files and bytes under a prefix. `reclaimable`: also what is kept for a while only, or about to be freed. */
  async usage(prefix: string, options: { readonly reclaimable?: boolean } = {}): Promise<UsageReply> {
    const directory = parseDirectoryPath(prefix);
    return await this.#ports.superNodes.call((server) => server.usage({ prefix: directory, ...options }));
  }

  /** Has a DataNode leave the cluster, or stay after all. @throws QdfsError NOT_FOUND, WRONG_STATE, CLUSTER_WAITING, CLUSTER_UNREACHABLE */
  async leave(request: LeaveRequest): Promise<LeaveReply> {
    return await this.#ports.superNodes.call((server) => server.leave(request));
  }

  /**
   * Has every partition brought to another quorum while the cluster works; resolves when the SuperNode has that on its disk, or, with `dryRun`,
   * has said what it would take. @throws QdfsError BAD_QUORUM; CLUSTER_WAITING: fewer DataNodes than n; CLUSTER_UNREACHABLE
   */
  async setQuorum(quorum: SetQuorumRequest): Promise<SetQuorumReply> {
    return await this.#ports.superNodes.call((server) => server.setQuorum(quorum));
  }

  async status(options: { readonly eventual?: boolean } = {}): Promise<StatusReply> {
    return await this.#ports.superNodes.call((server) => server.status({ eventual: options.eventual ?? false }));
  }

  /** What the SuperNode must not forget, as a file. @throws QdfsError CLUSTER_UNREACHABLE, STORAGE_FULL */
  async backup(): Promise<BackupReply> {
    return await this.#ports.superNodes.call((server) => server.backup());
  }

  /** Where the scrub of a DataNode stands; `start` has it begin a pass now. @throws QdfsError NOT_FOUND (no such node), CLUSTER_UNREACHABLE */
  async scrub(node: NodeNumber, options: { readonly start?: boolean } = {}): Promise<NodeScrub> {
    return await scrubNode(this.#ports, this.#known(node), options.start ?? false);
  }

  /** Has every replica of the file, and every store of its chunks, compare what it holds with what it should, and mend it. */
  async repair(path: string): Promise<readonly NodeRepair[]> {
    return await repairFile(this.#ports, parseFilePath(path));
  }

  /** As `repair`, of one node's copies of many files. */
  async repairAt(node: NodeNumber, paths: readonly string[]): Promise<NodeRepair> {
    return await repairAt(this.#ports, this.#known(node), paths.map(parseFilePath));
  }

  #known(node: NodeNumber): NodeNumber {
    if (this.map.nodes.some(({ number }) => number === node)) return node;
    throw new QdfsError("NOT_FOUND", `there is no DataNode ${nodeName(node)} in this cluster`);
  }

  /** What there is to say about the cluster's health; of at most `filesMax` files all replicas are asked what they hold. Changes nothing. */
  async examine(filesMax: number): Promise<Facts> {
    return await examine(this.#ports, filesMax);
  }

  /** What a get or put of the path would do, and why; for a get the read is done. */
  async explain(operation: "get" | "put", path: string): Promise<Explanation> {
    return await explain(this.#ports, operation, parseFilePath(path));
  }

  /** @throws QdfsError BAD_USAGE */
  #with<Options extends OperationOptions>(options: Options): Options {
    return checkedOptions({ ...this.#defaults, ...options });
  }

  /** Waits a moment for the last copies of chunks, then ends all connections. Operations under way fail. */
  async close(): Promise<void> {
    await this.#ports.stores.finishCopies();
    await this.#ports.holder.close();
    this.#ports.close();
  }
}
