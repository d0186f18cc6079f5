/**
 * How old the answer of this one replica may be, for reads that ask no other (eventual ones). A put that was acknowledged by W (no
 * `--ack` below it) stands in the logs of W replicas of each set. Once this replica has taken over everything in the logs of N-W others, every such W meets it
 * or one of those: so whatever was acknowledged before it asked them is here, or something newer. Catching up tells when it asked.
 */
import type { NodeNumber, Path } from "../base/ids.ts";
import { joinedWith, partitionOf } from "../cluster/map.ts";
import type { Clock } from "../ports.ts";
import type { MapKeeper } from "./map-keeper.ts";

export class Freshness {
  readonly #clock: Clock;
  readonly #maps: MapKeeper;
  readonly #caughtUpMs = new Map<NodeNumber, number>();

  constructor(clock: Clock, maps: MapKeeper) {
    this.#clock = clock;
    this.#maps = maps;
  }

  /** This node has joined partitions: what it had of the peers' logs before says nothing of them. */
  forget(): void {
    this.#caughtUpMs.clear();
  }

  /** Everything in that peer's log when it was asked, at `askedMs`, is here. */
  caughtUp(peer: NodeNumber, askedMs: number): void {
    this.#caughtUpMs.set(peer, askedMs);
  }

  /** Every put of the file that had been acknowledged this long ago shows in what this replica holds; undefined: not known. */
  ageMs(path: Path): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    let sinceMs = nowMs;
    const configuration = this.#maps.map.partitions[partitionOf(this.#maps.map, path)];
    if (configuration === undefined) return undefined;
    // While joint, who joins is yet to be brought what there is.
    if (configuration.sets.length > 1 && joinedWith(configuration, this.#maps.self) === configuration.number) return undefined;
    for (const { nodes, w } of configuration.sets) {
      const known = nodes.map((node) => (node === this.#maps.self ? nowMs : this.#caughtUpMs.get(node)));
      const decisive = known.filter((ms) => ms !== undefined).sort((a, b) => b - a)[nodes.length - w];
      if (decisive === undefined) return undefined;
      sinceMs = Math.min(sinceMs, decisive);
    }
    return Math.ceil(nowMs - sinceMs);
  }
}
