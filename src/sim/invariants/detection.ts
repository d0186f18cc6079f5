/**
 * Whether those that come and go are held back, told from what reaches the SuperNode and from the maps that it makes: who has vanished more
 * than FLAPS_FREE times stands in no map as up and steady before it has stayed for FLAP_HOLD_MS, and nobody's data is moved to it. That it is
 * counted on again in the end is for the end of a run (unsteady).
 */
import { type NodeNumber, nodeName } from "../../base/ids.ts";
import { joiningIn } from "../../cluster/moves.ts";
import { FLAP_HOLD_MS, FLAPS_FREE } from "../../limits.ts";
import type { Clock } from "../../ports.ts";
import { type ClusterMap, type Node, NodeState } from "../../wire/messages.ts";
import type { Violations } from "../violation.ts";
import type { DetectionObserver } from "../watched-super-node.ts";
import type { DiskView } from "./registers.ts";

interface Seen {
  vanished: number;
  away: boolean;
  backMs: number;
  heardSinceJoin: boolean;
}

export class DetectionInvariants implements DetectionObserver {
  readonly #violations: Violations;
  readonly #clock: Clock;
  readonly #seen = new Map<NodeNumber, Seen>();
  #map: ClusterMap | undefined;

  constructor(violations: Violations, clock: Clock) {
    this.#violations = violations;
    this.#clock = clock;
  }

  begins(map: ClusterMap): void {
    this.#seen.clear();
    this.#map = map;
    for (const node of map.nodes) this.#of(node.number).away = isAway(node);
  }

  mapped(map: ClusterMap): void {
    const before = this.#map;
    this.#map = map;
    if (before === undefined) return;
    for (const node of map.nodes) {
      const was = before.nodes.find(({ number }) => number === node.number);
      const seen = this.#of(node.number);
      if (was === undefined || isAway(was) || !isAway(node) || seen.away) continue;
      seen.vanished += 1;
      seen.away = true;
    }
    map.partitions.forEach((configuration, partition) => {
      if (configuration.recovered || configuration.number === before.partitions[partition]?.number) return;
      const unsteady = joiningIn(configuration).find((joining) =>
        map.nodes.some(({ number, held }) => number === joining && held),
      );
      if (unsteady !== undefined)
        this.#violations.found(
          "detection",
          `partition ${partition} begins to move to ${nodeName(unsteady)}, which comes and goes`,
        );
    });
  }

  joined(node: NodeNumber): void {
    const seen = this.#of(node);
    if (!seen.away && seen.heardSinceJoin) {
      seen.vanished += 1;
      seen.away = true;
    }
    seen.heardSinceJoin = false;
    this.#present(node, seen);
  }

  left(node: NodeNumber): void {
    this.#of(node).away = true;
  }

  heard(node: NodeNumber): void {
    const seen = this.#of(node);
    seen.heardSinceJoin = true;
    this.#present(node, seen);
  }

  #present(node: NodeNumber, seen: Seen): void {
    const nowMs = this.#clock.monotonicMs();
    if (seen.away) {
      seen.away = false;
      seen.backMs = nowMs;
    }
    const known = this.#map?.nodes.find(({ number }) => number === node);
    if (known === undefined || isAway(known) || known.held || seen.vanished <= FLAPS_FREE) return;
    if (nowMs - seen.backMs >= FLAP_HOLD_MS) return;
    const stayedMs = (nowMs - seen.backMs).toFixed(0);
    this.#violations.found(
      "detection",
      `${nodeName(node)} has vanished ${seen.vanished} times, and is counted on after ${stayedMs} ms`,
    );
  }

  #of(node: NodeNumber): Seen {
    let seen = this.#seen.get(node);
    if (seen === undefined) {
      seen = { vanished: 0, away: false, backMs: 0, heardSinceJoin: false };
      this.#seen.set(node, seen);
    }
    return seen;
  }
}

function isAway({ state }: Node): boolean {
  return state === NodeState.DOWN || state === NodeState.SUSPECT;
}

/** With everyone there whose disk is: one that the map does not count on, in words; undefined: none. */
export function unsteady(view: DiskView): string | undefined {
  const node = view.map.nodes.find(
    ({ number, state, held }) => view.diskOfNode(number) !== undefined && (state !== NodeState.UP || held),
  );
  return node === undefined ? undefined : `${nodeName(node.number)} is ${isAway(node) ? "not up" : "held back"}`;
}
