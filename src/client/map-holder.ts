/**
 * The client's cluster map. It comes from any server of the cluster, is fetched again when an answer says it is stale or a
 * node cannot be reached, and is never replaced by an older one (P17). When no given address answers, the map kept on disk
 * says whom else to ask: any DataNode hands out the newest map that it knows.
 */
import { messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, isNewerMap, partitionOf } from "../cluster/map.ts";
import { HEDGE_MS, LOAD_HINT_HALF_LIFE_MS, MAP_MAX_AGE_MS, REACH_CLUSTER_MS, REACH_REFUSED_MS, RETRY_MAX_MS } from "../limits.ts";
import type { ChunkId, ControlConnection, ControlDialer, LamportCounter, Runtime } from "../ports.ts";
import type { ClusterMap, Configuration, MapReply, NodeLoad } from "../wire/messages.ts";
import { Inbox, sleep } from "./inbox.ts";
import type { MapCache } from "./map-cache.ts";

type Reply = { readonly address: string; readonly reply: MapReply } | { readonly address: string; readonly cause: string };

export class MapHolder {
  readonly #control: ControlDialer;
  readonly #addresses: readonly string[];
  readonly #cache: MapCache;
  readonly #counter: LamportCounter;
  readonly #runtime: Runtime;
  readonly #servers = new Map<string, ControlConnection>();
  readonly #loads = new Map<NodeNumber, { readonly load: NodeLoad; readonly heardAtMs: number }>();
  #map: ClusterMap | undefined;
  #fetchedAtMs = 0;
  #refreshing: Promise<void> | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(control: ControlDialer, addresses: readonly string[], cache: MapCache, counter: LamportCounter, runtime: Runtime) {
    this.#control = control;
    this.#addresses = addresses;
    this.#cache = cache;
    this.#counter = counter;
    this.#runtime = runtime;
  }

  /** The newest map known. To be used after `start`. */
  get map(): ClusterMap {
    if (this.#map === undefined) throw new QdfsError("CLUSTER_UNREACHABLE", "there is no cluster map yet");
    return this.#map;
  }

  /** Empty while there is no map. */
  get clusterId(): string {
    return this.#map?.clusterId ?? "";
  }

  /**
   * Finds the cluster: the given addresses at once, then whom the cached map names, for at most REACH_CLUSTER_MS.
   * @throws QdfsError CLUSTER_UNREACHABLE
   */
  async start(): Promise<void> {
    const { clock, timers } = this.#runtime;
    const startedMs = clock.monotonicMs();
    const deadlineMs = startedMs + REACH_CLUSTER_MS;
    const causes = new Map<string, string>();
    const cached = this.#cache.find(this.#addresses);
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (await this.#askAll(this.#addresses, () => this.#othersIn(cached), leftMs, causes)) return;
      // Every server has said no, or nothing can be heard of it: one that is just starting gets a moment, one that is slow longer.
      const patienceMs = clock.monotonicMs() < deadlineMs ? REACH_REFUSED_MS : REACH_CLUSTER_MS;
      if (clock.monotonicMs() + RETRY_MAX_MS >= startedMs + patienceMs) break;
      await sleep(timers, RETRY_MAX_MS);
    }
    const shown = this.#addresses.map((address) => `${address}: ${causes.get(address) ?? "no answer"}`).join("; ");
    throw new QdfsError(
      "CLUSTER_UNREACHABLE",
      `no server of the cluster answers (${shown}). Is it running? Say where it is with --supernode HOST:PORT or QDFS_SUPERNODE`,
      { addresses: this.#addresses, causes: Object.fromEntries(causes) },
    );
  }

  /** Fetches the map again, from `suspect` (whose answer said that ours is stale) and every other server known. Never throws. */
  refresh(suspect?: string): Promise<void> {
    this.#refreshing ??= this.#fetchNewer(suspect).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** To be called when the map is used: keeps it and its load hints fresh in the background. */
  touch(): void {
    if (this.#runtime.clock.monotonicMs() - this.#fetchedAtMs > MAP_MAX_AGE_MS) void this.refresh();
  }

  /**
   * The configuration of a file's partition; asks again first while the cluster has not assigned any.
   * @throws QdfsError CLUSTER_WAITING
   */
  async configurationOf(path: Path): Promise<Configuration> {
    await this.#assigned();
    return configurationOf(this.map, partitionOf(this.map, path));
  }

  /** As configurationOf, at once; undefined while it takes asking. */
  knownConfigurationOf(path: Path): Configuration | undefined {
    const { map } = this;
    if (map.partitions.length === 0) return undefined;
    this.touch();
    return configurationOf(map, partitionOf(map, path));
  }

  /** As configurationOf, of a chunk's partition. */
  async configurationOfChunk(chunk: ChunkId): Promise<Configuration> {
    await this.#assigned();
    return configurationOf(this.map, chunkPartitionOf(this.map, chunk));
  }

  async #assigned(): Promise<void> {
    if (this.map.partitions.length === 0) await this.refresh();
    else this.touch();
  }

  /** A node's own load as heard with the map, fading with its age; 0 when nothing was heard. */
  inFlightHint(node: NodeNumber): number {
    const heard = this.#loads.get(node);
    if (heard === undefined) return 0;
    return heard.load.inFlight * 0.5 ** ((this.#runtime.clock.monotonicMs() - heard.heardAtMs) / LOAD_HINT_HALF_LIFE_MS);
  }

  load(node: NodeNumber): NodeLoad | undefined {
    return this.#loads.get(node)?.load;
  }

  /** Every server that may be a SuperNode, likeliest first. */
  superNodeAddresses(): readonly string[] {
    return [...new Set([...(this.#map?.supernodes ?? []), ...this.#addresses])];
  }

  server(address: string): ControlConnection {
    let server = this.#servers.get(address);
    if (server === undefined) {
      server = this.#control.connect(address);
      this.#servers.set(address, server);
    }
    return server;
  }

  async close(): Promise<void> {
    await this.#keeping;
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }

  async #fetchNewer(suspect: string | undefined): Promise<void> {
    const first = new Set([...(suspect === undefined ? [] : [suspect]), ...this.superNodeAddresses()]);
    const nodes = this.#map?.nodes.map((node) => node.grpc).filter((address) => !first.has(address)) ?? [];
    await this.#askAll([...first], async () => nodes, REACH_CLUSTER_MS, new Map());
    // Even when nobody answered: what is asked on every use must not be asked in a tight loop.
    this.#fetchedAtMs = this.#runtime.clock.monotonicMs();
  }

  /** Whom the cached map of this cluster names beyond the given addresses. */
  async #othersIn(cached: Promise<ClusterMap | undefined>): Promise<readonly string[]> {
    const map = await cached;
    if (map === undefined) return [];
    const others = [...map.supernodes, ...map.nodes.map((node) => node.grpc)];
    return [...new Set(others)].filter((address) => !this.#addresses.includes(address));
  }

  /**
   * Asks `first` at once and `others` when none of them answers soon. True when an answer was taken: the first one, or with
   * a map in hand the first newer one.
   */
  async #askAll(
    first: readonly string[],
    others: () => Promise<readonly string[]>,
    budgetMs: number,
    causes: Map<string, string>,
  ): Promise<boolean> {
    const { clock, timers } = this.#runtime;
    const deadlineMs = clock.monotonicMs() + budgetMs;
    const inbox = new Inbox<Reply>(timers);
    const had = this.#map;
    let pending = this.#getMaps(first, inbox);
    let widened = false;
    let answered = false;
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || (pending === 0 && widened)) return answered;
      const event = pending === 0 ? undefined : await inbox.next(widened ? leftMs : Math.min(HEDGE_MS, leftMs));
      if (event === undefined) {
        if (answered) return true;
        if (!widened) pending += this.#getMaps(await others(), inbox);
        widened = true;
        continue;
      }
      pending -= 1;
      if ("cause" in event) causes.set(event.address, event.cause);
      else {
        answered ||= this.#take(event.reply, event.address);
        if (answered && (had === undefined || isNewerMap(this.map, had))) return true;
      }
    }
  }

  #getMaps(addresses: readonly string[], inbox: Inbox<Reply>): number {
    for (const address of addresses) {
      this.server(address)
        .getMap()
        .then(
          (reply) => inbox.push({ address, reply }),
          (error: unknown) => inbox.push({ address, cause: messageOf(error) }),
        );
    }
    return addresses.length;
  }

  /** False for the map of another cluster, which may have come to live at an address of ours. */
  #take(reply: MapReply, address: string): boolean {
    const { map } = reply;
    if (this.#map !== undefined && map.clusterId !== this.#map.clusterId) {
      this.#runtime.log.warn("a server of another cluster answers at an address of ours", { address, clusterId: map.clusterId });
      return false;
    }
    this.#counter.observe(reply.counter);
    const now = this.#runtime.clock.monotonicMs();
    this.#fetchedAtMs = now;
    for (const load of reply.loads) this.#loads.set(load.number, { load, heardAtMs: now });
    if (!isNewerMap(map, this.#map)) return true;
    this.#map = map;
    this.#keeping = this.#keeping.then(() => this.#cache.keep(map, this.#addresses));
    return true;
  }
}
