/**
 * Whom to ask. Reads go where they are answered soonest: the power of two choices over measured latency times requests in
 * flight, so that one fast replica does not draw every client. Writes go to the home, so that writers of one file queue in
 * one place instead of duelling. Who is silent, suspect or unreachable comes last in both, and is never left out.
 */
import type { NodeNumber } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import type { Random } from "../ports.ts";
import { NodeState } from "../wire/messages.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Peers } from "./peers.ts";

/** Stands for the latency of a node that has not answered yet: as good as a near one, so that it gets its chance. */
const UNMEASURED_MS = 0.5;

export class Router {
  readonly #peers: Peers;
  readonly #holder: MapHolder;
  readonly #random: Random;

  constructor(peers: Peers, holder: MapHolder, random: Random) {
    this.#peers = peers;
    this.#holder = holder;
    this.#random = random;
  }

  /** All of `replicas`, the one to ask for content first. */
  readOrder(replicas: readonly NodeNumber[]): readonly NodeNumber[] {
    const scored = replicas.map((node) => ({ node, rank: this.#rank(node), score: this.#score(node) }));
    scored.sort((a, b) => a.rank - b.rank || a.score - b.score);
    const best = scored[0]?.rank;
    const healthy = scored.filter(({ rank }) => rank === best).length;
    if (healthy > 2) {
      const first = Math.floor(this.#random.unit() * healthy);
      let second = Math.floor(this.#random.unit() * (healthy - 1));
      if (second >= first) second += 1;
      const better = (scored[second]?.score ?? 0) < (scored[first]?.score ?? 0) ? second : first;
      const [winner] = scored.splice(better, 1);
      if (winner !== undefined) scored.unshift(winner);
    }
    return scored.map(({ node }) => node);
  }

  /** All of `replicas`, the home first unless it is not up. */
  writeOrder(replicas: readonly NodeNumber[]): readonly NodeNumber[] {
    const ranked = replicas.map((node, index) => ({ node, index, rank: this.#rank(node) }));
    return ranked.sort((a, b) => a.rank - b.rank || a.index - b.index).map(({ node }) => node);
  }

  /** 0: nothing speaks against it; higher is worse. What our own session shows outweighs what the map says. */
  #rank(node: NodeNumber): number {
    switch (this.#peers.session(node).state) {
      case "ready":
        return 0;
      case "connecting":
        return this.#mapRank(node);
      case "silent":
        return 3;
      case "unreachable":
        return 4;
    }
  }

  #mapRank(node: NodeNumber): number {
    const { state } = nodeOf(this.#holder.map, node);
    if (state === NodeState.DOWN) return 2;
    return state === NodeState.SUSPECT ? 1 : 0;
  }

  #score(node: NodeNumber): number {
    const { latencyMs, inFlight } = this.#peers.session(node);
    return (latencyMs || UNMEASURED_MS) * (1 + inFlight + this.#holder.inFlightHint(node));
  }
}
