/**
 * What must hold of cluster maps, at every commit of a DataNode's disk and whenever a SuperNode stores one (P17, I8).
 *
 *  One number, one map: of a generation and version there is one map, whoever issued it.
 *  One number, one disk, in a generation: what a disk lost it may not vote on (I2). A number that only a life which was lost gave away, and of
 *  which nobody else has heard, may be given again: its disk has voted in nothing that came to pass.
 *  One number, one configuration: a partition's configuration of a number has one list of replica sets.
 *  A disk goes by no map of an older generation than it follows, and to no lower number of a partition's configuration.
 */
import { nodeName } from "../../base/ids.ts";
import type { NodeWrites } from "../../ports.ts";
import { mapCodec } from "../../wire/codec.ts";
import type { ClusterMap } from "../../wire/messages.ts";
import type { Disk } from "../disk.ts";
import type { Violations } from "../violation.ts";

interface Known {
  readonly generation: number;
  readonly numbers: readonly number[];
}

export class MapInvariants {
  readonly #violations: Violations;
  /** By generation and version. */
  readonly #maps = new Map<string, bigint>();
  /** By partition and number. */
  readonly #configurations = new Map<string, string>();
  readonly #disks = new Map<string, Known>();
  /** By generation and node. */
  readonly #members = new Map<string, string>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** A SuperNode has stored a map: from now on it may tell of it. */
  issued(map: ClusterMap): void {
    const name = `${map.generation}.${map.version}`;
    const sent = mapCodec.decode(mapCodec.encode(map)); // what may be left out is spelt out in what came over the network
    const hash = Bun.hash.xxHash64(mapCodec.encode(sent));
    const before = this.#maps.get(name) ?? hash;
    this.#maps.set(name, before);
    this.#violations.check(before === hash, "P17", () => `there are two maps ${name}`);
    for (const { number, diskId } of map.nodes) this.#member(map.generation, number, diskId);
    map.partitions.forEach(({ number, sets }, partition) => {
      const key = `${partition} ${number}`;
      const words = JSON.stringify(sets.map(({ nodes, w, r, since = [] }) => [nodes, w, r, since]));
      const known = this.#configurations.get(key) ?? words;
      this.#configurations.set(key, known);
      this.#violations.check(known === words, "P17", () => `partition ${partition} has two configurations ${number}`);
    });
  }

  /** A DataNode begins to serve; by a map that does not name it, it serves nothing. */
  serves({ number, diskId, store }: Disk): void {
    const map = store.map();
    if (map?.nodes.some((node) => node.number === number)) this.#member(map.generation, number, diskId);
  }

  #member(generation: number, number: number, diskId: string): void {
    const key = `${generation} ${number}`;
    const before = this.#members.get(key) ?? diskId;
    this.#members.set(key, before);
    this.#violations.check(
      before === diskId,
      "I2",
      () => `${nodeName(number)} of generation ${generation} is ${diskId}, and was ${before} before`,
    );
  }

  durable({ diskId }: Disk, { map, followed }: NodeWrites): void {
    if (map === undefined && followed === undefined) return;
    const before = this.#disks.get(diskId) ?? { generation: 0, numbers: [] };
    const generation = followed?.generation ?? 0;
    let { numbers } = before;
    if (map !== undefined) {
      this.issued(map);
      this.#violations.check(
        map.generation >= before.generation,
        "P17",
        () => `${diskId} adopts map ${map.generation}.${map.version} though it follows generation ${before.generation}`,
      );
      numbers = map.partitions.map(({ number }) => number);
      const fallen = numbers.findIndex((number, partition) => number < (before.numbers[partition] ?? 0));
      this.#violations.check(
        fallen === -1,
        "I8",
        () => `${diskId} goes back to configuration ${numbers[fallen]} of partition ${fallen}, from ${before.numbers[fallen]}`,
      );
    }
    this.#disks.set(diskId, { generation: Math.max(before.generation, generation, map?.generation ?? 0), numbers });
  }
}
