/**
 * Counting replicas. Every count is needed in each replica set of a configuration, never over their union (P10): two sets
 * stand in it while it is joint. A vote is pending, won or lost, not a boolean.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import type { Configuration, ReplicaSet } from "../wire/messages.ts";

/** How many of a set's replicas a count needs. */
export type Need = (set: ReplicaSet) => number;

/** Phase 1 and reads: R. */
export const readNeed: Need = (set) => set.r;
/** Phase 2, chunk copies: W. */
export const writeNeed: Need = (set) => set.w;
/** This many holders of one ballot meet every later phase 1 (P11), and this many log readers meet every W (P20 uses N-W+1). */
export const decisiveNeed: Need = (set) => set.nodes.length - set.r + 1;

/**
 * This many replicas meet every W, and every N-R+1 that decided a read (P11): what they hold together shows everything that was chosen, or returned by a read,
 * which is more than what was chosen where R + W > N + 1 (P16).
 */
export const carryNeed: Need = (set) => set.r;
/** This many replicas meet every W: what they hold together shows everything chosen (P20). */
export const scanNeed: Need = (set) => set.nodes.length - set.w + 1;
/** When this many have adopted a newer configuration, no quorum of any kind can form in the older one any more (P16). */
export const barrierNeed: Need = (set) => set.nodes.length - Math.min(set.r, set.w) + 1;

/** What the set that needs most of them needs. */
export function mostNeeded({ sets }: Configuration, need: Need): number {
  let most = 0;
  for (const set of sets) most = Math.max(most, need(set));
  return most;
}

export type Vote = "pending" | "won" | "lost";

export class Tally {
  readonly #sets: readonly ReplicaSet[];
  readonly #need: Need;
  readonly #yes = new Set<NodeNumber>();
  readonly #no = new Map<NodeNumber, string>();

  constructor(configuration: Configuration, need: Need) {
    this.#sets = configuration.sets;
    this.#need = need;
  }

  yes(node: NodeNumber): void {
    this.#yes.add(node);
    this.#no.delete(node);
  }

  /** `cause` is for the message of the failure. A later yes of the same node counts. */
  no(node: NodeNumber, cause: string): void {
    if (!this.#yes.has(node)) this.#no.set(node, cause);
  }

  get count(): number {
    return this.#yes.size;
  }

  has(node: NodeNumber): boolean {
    return this.#yes.has(node);
  }

  failed(node: NodeNumber): boolean {
    return this.#no.has(node);
  }

  vote(): Vote {
    let won = true;
    for (const set of this.#sets) {
      const need = this.#need(set);
      let yes = 0;
      let open = 0;
      for (const node of set.nodes) {
        if (this.#yes.has(node)) yes += 1;
        else if (!this.#no.has(node)) open += 1;
      }
      if (yes + open < need) return "lost";
      if (yes < need) won = false;
    }
    return won ? "won" : "pending";
  }

  /** The failure with its arithmetic, about the set that falls shortest: `write needs 2 of 3, got 1 (dn-2: …; dn-3: …)`. */
  unavailable(what: string): QdfsError {
    let worst: { need: number; of: number; got: number; causes: string[] } | undefined;
    for (const set of this.#sets) {
      const got = set.nodes.filter((node) => this.#yes.has(node)).length;
      const need = this.#need(set);
      const causes = set.nodes
        .filter((node) => !this.#yes.has(node))
        .map((node) => `${nodeName(node)}: ${this.#no.get(node) ?? "no answer yet"}`);
      if (worst === undefined || need - got > worst.need - worst.got) worst = { need, of: set.nodes.length, got, causes };
    }
    const { need, of, got, causes } = worst ?? { need: 0, of: 0, got: 0, causes: [] };
    return new QdfsError("QUORUM_UNAVAILABLE", `${what} needs ${need} of ${of}, got ${got} (${causes.join("; ")})`, {
      need,
      of,
      got,
      causes,
    });
  }
}

/** True when the nodes in `holders` reach `need` in every set. */
export function reaches(configuration: Configuration, need: Need, holders: ReadonlySet<NodeNumber>): boolean {
  for (const set of configuration.sets) if (!reachesIn(set, need, holders)) return false;
  return true;
}

/** … in this one. */
export function reachesIn(set: ReplicaSet, need: Need, holders: ReadonlySet<NodeNumber>): boolean {
  let held = 0;
  for (const node of set.nodes) if (holders.has(node)) held += 1;
  return held >= need(set);
}
