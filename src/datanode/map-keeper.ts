/**
 * The cluster map that this replica goes by. A newer map is adopted by making it durable first (P16: a replica adopts by
 * fsync before it counts); requests that go by another configuration than the adopted one are refused (P5).
 *
 * A partition is joined empty (P15). Each replica of a configuration stands there with the number of the configuration with which it
 * joined. Whoever adopts that or a later one, and had adopted none since, may hold something of an earlier life in which others have gone
 * on without it: deleted, and erased. It is dropped in the very commit that adopts the map, so before the first vote.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { configurationOf, isNewerMap, isReplica, joinedWith, partitionOf } from "../cluster/map.ts";
import { staleError } from "../cluster/stale.ts";
import type { ClusterMap, Configuration } from "../wire/messages.ts";

/** How a map is made durable, and what this node holds of the partitions that it joins dropped with it. `inForce` is called in between. */
export type Persist = (map: ClusterMap, joined: ReadonlySet<number>, inForce: () => void) => Promise<void>;

export class MapKeeper {
  readonly self: NodeNumber;
  #map: ClusterMap;
  readonly #persist: Persist;
  #adopting: Promise<void> = Promise.resolve();
  readonly #watchers: ((map: ClusterMap, before: ClusterMap) => void)[] = [];

  #seek: () => Promise<void> = async () => undefined;

  constructor(self: NodeNumber, map: ClusterMap, persist: Persist) {
    this.self = self;
    this.#map = map;
    this.#persist = persist;
  }

  get map(): ClusterMap {
    return this.#map;
  }

  /** `run` is called after every adoption. */
  watch(run: (map: ClusterMap, before: ClusterMap) => void): void {
    this.#watchers.push(run);
  }

  /** Adopts the map if it is newer; resolves when the newest map offered so far is durable and in force. */
  adopt(map: ClusterMap): Promise<void> {
    this.#adopting = this.#adopting.then(async () => {
      if (map.clusterId !== this.#map.clusterId) {
        throw new QdfsError(
          "WRONG_CLUSTER",
          `a map of cluster ${map.clusterId} was offered to a node of cluster ${this.#map.clusterId}`,
        );
      }
      if (!isNewerMap(map, this.#map)) return;
      const [now, then] = [this.#map.partitions.length, map.partitions.length];
      if (now !== 0 && then !== now)
        throw new QdfsError("BAD_REQUEST", `a map of ${then} partitions was offered in place of ${now}`);
      const before = this.#map;
      const joined = new Set<number>();
      map.partitions.forEach((configuration, partition) => {
        const adopted = before.partitions[partition]?.number ?? 0;
        if (isReplica(configuration, this.self) && adopted < joinedWith(configuration, this.self)) joined.add(partition);
      });
      await this.#persist(map, joined, () => {
        this.#map = map;
      });
      for (const run of this.#watchers) run(map, before);
    });
    const adopted = this.#adopting;
    this.#adopting = adopted.catch(() => undefined);
    return adopted;
  }

  /** How a newer map is looked for: called when somebody goes by one. */
  onBehind(seek: () => Promise<void>): void {
    this.#seek = seek;
  }

  /** Resolves when a newer map is in force, or none is to be had now. */
  seekNewer(): Promise<void> {
    return this.#seek();
  }

  /** The number of the adopted configuration of the file's partition; undefined: this node is no replica of it. */
  numberOf(path: Path): number | undefined {
    return this.numberOfPartition(partitionOf(this.#map, path));
  }

  /** NaN while none is assigned: of no file then. */
  partitionOf(path: Path): number {
    return partitionOf(this.#map, path);
  }

  /** As numberOf. */
  numberOfPartition(partition: number): number | undefined {
    const configuration = this.#map.partitions[partition];
    return configuration !== undefined && isReplica(configuration, this.self) ? configuration.number : undefined;
  }

  /** The adopted configuration of a file. @throws QdfsError CLUSTER_WAITING, CONFIGURATION_STALE (this node is no replica) */
  configurationOf(path: Path): Configuration {
    const configuration = configurationOf(this.#map, partitionOf(this.#map, path));
    if (isReplica(configuration, this.self)) return configuration;
    throw staleError(`${nodeName(this.self)} is no replica of ${path}`, this.#map, false);
  }

  /** As configurationOf, and `number` must be the adopted one. */
  check(path: Path, number: number): Configuration {
    this.#checkNumber(partitionOf(this.#map, path), number);
    return this.configurationOf(path);
  }

  /** The adopted configuration of a partition, whose number this must be, and of which this node is a replica. @throws as check */
  checkPartition(partition: number, number: number): Configuration {
    this.#checkNumber(partition, number);
    const configuration = configurationOf(this.#map, partition);
    if (isReplica(configuration, this.self)) return configuration;
    throw staleError(`${nodeName(this.self)} is no replica of partition ${partition}`, this.#map, false);
  }

  #checkNumber(partition: number, number: number): void {
    const adopted = this.#map.partitions[partition]?.number;
    if (adopted === undefined) {
      if (number === 0 || this.#map.partitions.length > 0) return;
      const why = `the cluster has assigned its partitions, of which ${nodeName(this.self)} is yet to hear`;
      throw staleError(why, this.#map, true);
    }
    if (number === adopted) return;
    const relation = number < adopted ? "older" : "newer";
    throw staleError(
      `the request goes by a configuration ${relation} than ${nodeName(this.self)}'s: ${number}, not ${adopted}`,
      this.#map,
      number > adopted,
    );
  }
}
