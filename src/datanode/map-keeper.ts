/**
 * The cluster map that this replica goes by. A newer map is adopted by making it durable first (P16: a replica adopts by
 * fsync before it counts); requests that go by another configuration than the adopted one are refused (P5).
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { configurationOf, isNewerMap, partitionOf, replicasOf } from "../cluster/map.ts";
import type { ClusterMap, Configuration } from "../wire/messages.ts";

export class MapKeeper {
  readonly self: NodeNumber;
  #map: ClusterMap;
  readonly #persist: (map: ClusterMap) => Promise<void>;
  #adopting: Promise<void> = Promise.resolve();
  readonly #watchers: ((map: ClusterMap) => void)[] = [];

  constructor(self: NodeNumber, map: ClusterMap, persist: (map: ClusterMap) => Promise<void>) {
    this.self = self;
    this.#map = map;
    this.#persist = persist;
  }

  get map(): ClusterMap {
    return this.#map;
  }

  watch(run: (map: ClusterMap) => void): void {
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
      await this.#persist(map);
      this.#map = map;
      for (const run of this.#watchers) run(map);
    });
    const adopted = this.#adopting;
    this.#adopting = adopted.catch(() => undefined);
    return adopted;
  }

  /** The adopted configuration of a file. @throws QdfsError CLUSTER_WAITING, CONFIGURATION_STALE (this node is no replica) */
  configurationOf(path: Path): Configuration {
    const configuration = configurationOf(this.#map, partitionOf(this.#map, path));
    if (!replicasOf(configuration).includes(this.self)) {
      throw new QdfsError("CONFIGURATION_STALE", `${nodeName(this.self)} is no replica of ${path}`, this.#versionDetails());
    }
    return configuration;
  }

  /** As configurationOf, and `number` must be the adopted one. */
  check(path: Path, number: number): Configuration {
    if (this.#map.partitions.length === 0 && number > 0) {
      throw new QdfsError(
        "CONFIGURATION_STALE",
        `the cluster has assigned its partitions, of which ${nodeName(this.self)} is yet to hear`,
        this.#versionDetails(),
      );
    }
    const configuration = this.configurationOf(path);
    if (configuration.number !== number) {
      const relation = number < configuration.number ? "older" : "newer";
      throw new QdfsError(
        "CONFIGURATION_STALE",
        `the request goes by a configuration ${relation} than ${nodeName(this.self)}'s: ${number}, not ${configuration.number}`,
        this.#versionDetails(),
      );
    }
    return configuration;
  }

  #versionDetails(): Readonly<Record<string, unknown>> {
    return { mapGeneration: this.#map.generation, mapVersion: this.#map.version };
  }
}
