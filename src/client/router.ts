/**
 * Whom to ask. Reads go where they are answered soonest, as far as this client's own reads and the load hints that come with the map
 * tell (routing/replica-choice.ts). Writes go to the home, so that writers of one file queue in one place instead of duelling. Who is
 * silent, suspect or unreachable comes last in both, and is never left out; who comes and goes (Node.held) comes after those that stay.
 */
import type { NodeNumber } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import { READ_HEDGE_MS } from "../limits.ts";
import type { Runtime, Session } from "../ports.ts";
import type { ReadPace } from "../register/reader.ts";
import { type Candidate, ReplicaChoice } from "../routing/replica-choice.ts";
import { NodeState } from "../wire/messages.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Peers } from "./peers.ts";

export class Router implements ReadPace {
  readonly #peers: Peers;
  readonly #holder: MapHolder;
  readonly #choice: ReplicaChoice;

  constructor(peers: Peers, holder: MapHolder, { clock, random }: Pick<Runtime, "clock" | "random">) {
    this.#peers = peers;
    this.#holder = holder;
    this.#choice = new ReplicaChoice(clock, random, READ_HEDGE_MS);
  }

  /** All of `replicas`, the one to ask for content first. */
  readOrder(replicas: readonly NodeNumber[]): readonly NodeNumber[] {
    return this.#choice.order(replicas.map((node) => this.#candidate(node)));
  }

  /** All of `replicas`, the home first unless it is not up. */
  writeOrder(replicas: readonly NodeNumber[]): readonly NodeNumber[] {
    const ranked = replicas.map((node, index) => ({ node, index, rank: this.#rank(node, this.#peers.session(node)) }));
    return ranked.sort((a, b) => a.rank - b.rank || a.index - b.index).map(({ node }) => node);
  }

  /** Of the nodes that a read passes over, those after the first `asked`: one, at most, that should be asked beside it to see how it does now. */
  toMeasure(order: readonly NodeNumber[], asked: number): NodeNumber | undefined {
    for (let index = asked; index < order.length; index += 1) {
      const node = order[index];
      if (node !== undefined && this.#peers.session(node).state === "ready" && this.#choice.stale(node)) return node;
    }
    return undefined;
  }

  // -------------------------------------------------------------------------------------------------------- ReadPace

  get hedgeMs(): number {
    return this.#choice.hedgeMs;
  }

  /** To be called as each read begins. */
  began(): void {
    this.#choice.began();
  }

  mayReplace(late: readonly NodeNumber[]): boolean {
    return late.some((node) => this.#peers.session(node).state === "silent") || this.#choice.mayHedge();
  }

  answered(node: NodeNumber, tookMs: number): void {
    this.#choice.answered(node, tookMs);
  }

  /** Nobody waited for this answer. */
  measured(node: NodeNumber, tookMs: number): void {
    this.#choice.measured(node, tookMs);
  }

  overdue(node: NodeNumber, tookMs: number): void {
    this.#choice.overdue(node, tookMs);
  }

  /** Reads that were sent to one more replica because one took long. */
  get hedges(): number {
    return this.#choice.hedges;
  }

  #candidate(node: NodeNumber): Candidate {
    const session = this.#peers.session(node);
    // What the node told the SuperNode includes what we had sent it.
    const waiting = Math.max(session.inFlight, this.#holder.inFlightHint(node));
    return { node, rank: this.#rank(node, session), waiting };
  }

  /** 0: nothing speaks against it; higher is worse. What our own session shows outweighs what the map says. */
  #rank(node: NodeNumber, session: Session): number {
    switch (session.state) {
      case "ready":
        return nodeOf(this.#holder.map, node).held ? 1 : 0;
      case "connecting":
        return this.#mapRank(node);
      case "silent":
        return 3;
      case "unreachable":
        return 4;
    }
  }

  #mapRank(node: NodeNumber): number {
    const { state, held } = nodeOf(this.#holder.map, node);
    if (state === NodeState.DOWN) return 2;
    return state === NodeState.SUSPECT || held ? 1 : 0;
  }
}
