/**
 * The cluster map that this replica goes by. A newer map is adopted by making it durable first (P16: a replica adopts by
 * fsync before it counts); requests that go by another configuration than the adopted one are refused (P5).
 *
 * Which maps may be adopted: newer ones, and none of an older generation than the one followed. Who follows a SuperNode's generation takes
 * no map of an older one any more, and of that generation only that life's (P17); that, too, counts when it is durable. And none that
 * has another disk under this node's number: a SuperNode that was lost gave it away unheard, and its successor once more. → by such a map
 * this node would propose under the other one's ballots (I3).
 *
 * A partition is joined empty (P15). Each replica of a configuration stands there with the number of the configuration with which it
 * joined. Whoever adopts that or a later one, and had adopted none since, may hold something of an earlier life in which others have gone
 * on without it: deleted, and erased. It is dropped in the very commit that adopts the map, so before the first vote. That a new generation
 * numbers configurations anew changes nothing of it: cluster/generation.ts.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { configurationOf, isNewerMap, isReplica, joinedWith, partitionOf } from "../cluster/map.ts";
import { staleError } from "../cluster/stale.ts";
import type { Followed } from "../ports.ts";
import type { ClusterMap, Configuration } from "../wire/messages.ts";

/** How what this node goes by is made durable. */
export interface MapDisk {
  readonly diskId: string;
  /** With the map goes what this node holds of the partitions that it joins. `inForce` is called when both are durable, before anybody is told. */
  readonly adopt: (map: ClusterMap, joined: ReadonlySet<number>, inForce: () => void) => Promise<void>;
  readonly follow: (claim: Followed) => Promise<void>;
}

/** The generation that who has this map and has promised that follows; 0: none yet. */
export function generationOf(map: ClusterMap | undefined, followed: Followed | undefined): number {
  return Math.max(map?.generation ?? 0, followed?.generation ?? 0);
}

export class MapKeeper {
  readonly self: NodeNumber;
  #map: ClusterMap;
  #followed: Followed | undefined;
  readonly #disk: MapDisk;
  /** One change of what this node goes by at a time. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #watchers: ((map: ClusterMap, before: ClusterMap) => void)[] = [];
  #seek: () => Promise<void> = async () => undefined;
  #onDisplaced: (error: QdfsError) => void = () => undefined;

  /** `map`, `followed`: as they stand on the disk. */
  constructor(self: NodeNumber, map: ClusterMap, disk: MapDisk, followed?: Followed) {
    this.self = self;
    this.#map = map;
    this.#disk = disk;
    this.#followed = followed;
  }

  get map(): ClusterMap {
    return this.#map;
  }

  /** Of the SuperNode that this replica follows; its own map may still be of an older one. */
  get generation(): number {
    return generationOf(this.#map, this.#followed);
  }

  /** `run` is called after every adoption. */
  watch(run: (map: ClusterMap, before: ClusterMap) => void): void {
    this.#watchers.push(run);
  }

  /**
   * Follows a SuperNode that was rebuilt (P17); resolves, when that is durable, with the newest map adopted before. Asked
   * again by the same life it says so again.
   * @throws QdfsError SUPERSEDED: this replica follows another life, of that generation or a newer one; details `generation`
   */
  follow(claim: Followed): Promise<ClusterMap> {
    return this.#inTurn(async () => {
      const again = claim.generation === this.#followed?.generation && claim.life === this.#followed.life;
      if (claim.generation < this.generation || (claim.generation === this.generation && !again)) {
        throw new QdfsError("SUPERSEDED", `${nodeName(this.self)} follows generation ${this.generation} of another SuperNode`, {
          generation: this.generation,
        });
      }
      if (!again || claim.supernode !== this.#followed?.supernode) await this.#disk.follow(claim);
      this.#followed = claim;
      return this.#map;
    });
  }

  /** Adopts the map if it may and is newer; resolves when the newest map offered so far is durable and in force. */
  adopt(map: ClusterMap): Promise<void> {
    return this.#inTurn(async () => {
      if (map.clusterId !== this.#map.clusterId) {
        throw new QdfsError(
          "WRONG_CLUSTER",
          `a map of cluster ${map.clusterId} was offered to a node of cluster ${this.#map.clusterId}`,
        );
      }
      if (map.generation < this.generation || !isNewerMap(map, this.#map)) return;
      const [now, then] = [this.#map.partitions.length, map.partitions.length];
      if (now !== 0 && then !== now)
        throw new QdfsError("BAD_REQUEST", `a map of ${then} partitions was offered in place of ${now}`);
      this.#refuseOther(map);
      const before = this.#map;
      await this.#disk.adopt(map, this.#joinedBy(map), () => {
        this.#map = map;
      });
      for (const run of this.#watchers) run(map, before);
    });
  }

  /** `run` is called when this node's number is another disk's now: it has no place in the cluster any more. */
  onDisplaced(run: (error: QdfsError) => void): void {
    this.#onDisplaced = run;
  }

  #refuseOther({ nodes, clusterId }: ClusterMap): void {
    const member = nodes.find(({ number }) => number === this.self);
    if (member === undefined || member.diskId === this.#disk.diskId) return;
    const error = new QdfsError(
      "NOT_ALLOWED",
      `${nodeName(this.self)} of cluster ${clusterId} has another disk: the SuperNode that admitted this one is lost, and the next one gave its number to another disk; use an empty directory`,
    );
    this.#onDisplaced(error);
    throw error;
  }

  /** The partitions that this node joins with a map (P15). */
  #joinedBy(map: ClusterMap): ReadonlySet<number> {
    const joined = new Set<number>();
    map.partitions.forEach((configuration, partition) => {
      const adopted = this.#map.partitions[partition]?.number ?? 0;
      if (isReplica(configuration, this.self) && adopted < joinedWith(configuration, this.self)) joined.add(partition);
    });
    return joined;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#last.then(run);
    this.#last = done.catch(() => undefined);
    return done;
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
    throw this.#noReplicaOf(path);
  }

  #noReplicaOf(path: Path): QdfsError {
    return staleError(`${nodeName(this.self)} is no replica of ${path}`, this.#map, false);
  }

  /** As configurationOf, and `number` must be the adopted one. */
  check(path: Path, number: number): Configuration {
    const partition = partitionOf(this.#map, path);
    this.#checkNumber(partition, number);
    const configuration = configurationOf(this.#map, partition);
    if (isReplica(configuration, this.self)) return configuration;
    throw this.#noReplicaOf(path);
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
