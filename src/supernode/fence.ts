/**
 * The fence of a listing (P20). All DataNodes are asked at once how far their change logs reach; the listing may be made when,
 * for every replica set, N-W+1 replicas answered and everything in their logs up to there is listed, superseded or settled.
 *
 * Why that shows every put that had returned before the listing began: such a put was committed at W replicas of each set, and their answers
 * here are later than that. N-W+1 replicas of a set meet every W of it, so one of those that were read to their mark had the put's
 * ballot, or a higher one of the same file, in its log at or below the mark. That entry, or what has taken its place in the log
 * since, is resolved, so the catalogue holds that ballot or a higher one, and chosen heads form one chain (I3).
 *
 * Listings share a round that begins after they came: the argument needs no more than that the questions go out later. At most one round
 * is being asked at a time; who comes meanwhile shares the next one.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { followNeed } from "../cluster/generation.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import { FENCE_ANSWER_MS, LISTING_WAIT_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import { type Need, scanNeed } from "../register/quorum.ts";
import type { ReplicaSet, SequenceAt } from "../wire/messages.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Nodes } from "./nodes.ts";
import { andList, missingWords } from "./words.ts";

/**
 * This many logs of a set meet every W of it, and every set of followers that another SuperNode needs before it changes anything
 * (P17): one that was replaced and has not heard of it never calls a listing complete. → N=5, W=5, R=2: the one DataNode that
 * did not follow the new SuperNode answers the old one, while the others write where the new map says.
 */
export const logNeed: Need = (set) => Math.max(scanNeed(set), set.nodes.length - followNeed(set) + 1);

export class Fence {
  readonly #runtime: Runtime;
  readonly #catalogue: Catalogue;
  readonly #nodes: Nodes;
  /** Called when somebody begins to wait: followers and settler hurry. */
  readonly #onWait: () => void;
  #asking: Round | undefined;
  #next: Promise<string> | undefined;
  #waiting = 0;

  constructor(runtime: Runtime, catalogue: Catalogue, nodes: Nodes, onWait: () => void) {
    this.#runtime = runtime;
    this.#catalogue = catalogue;
    this.#nodes = nodes;
    this.#onWait = onWait;
  }

  /** True while a listing waits. */
  get hurried(): boolean {
    return this.#waiting > 0;
  }

  /** Resolves when the catalogue shows every put that had returned before this call: with "", or with what may be missing. */
  pass(): Promise<string> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<string> {
    // Those that call in the same turn, or while another round is being asked, share this one.
    await this.#asking?.asked;
    await new Promise<void>((resolve) => this.#runtime.timers.soon(resolve));
    this.#next = undefined;
    const round = new Round(this.#runtime, this.#catalogue, this.#nodes);
    this.#asking = round;
    this.#waiting += 1;
    this.#onWait();
    try {
      return await round.run();
    } finally {
      this.#waiting -= 1;
      if (this.#asking === round) this.#asking = undefined;
    }
  }
}

class Round {
  /** Resolves when enough nodes have answered, or all that will. */
  readonly asked: Promise<void>;
  readonly #runtime: Runtime;
  readonly #catalogue: Catalogue;
  readonly #nodes: Nodes;
  readonly #sets: readonly ReplicaSet[];
  readonly #marks = new Map<NodeNumber, SequenceAt>();
  /**
   * By node, how far its log had been read when that first reached the mark. A log gives each file once, so the entry of a put
   * below the mark may be replaced by one of the same file between the mark and there: that one has to be resolved too.
   */
  readonly #throughs = new Map<NodeNumber, number>();
  readonly #open = new Set<NodeNumber>();
  #endAsking: () => void = () => undefined;
  #finish: (missing: string) => void = () => undefined;

  constructor(runtime: Runtime, catalogue: Catalogue, nodes: Nodes) {
    this.#runtime = runtime;
    this.#catalogue = catalogue;
    this.#nodes = nodes;
    this.#sets = distinctSets(nodes.map());
    this.asked = new Promise((resolve) => {
      this.#endAsking = resolve;
    });
  }

  async run(): Promise<string> {
    let cancel: Cancel = () => undefined;
    let unwatch: () => void = () => undefined;
    const missing = await new Promise<string>((resolve) => {
      this.#finish = resolve;
      cancel = this.#runtime.timers.after(LISTING_WAIT_MS, () => resolve(this.#missing()));
      unwatch = this.#catalogue.watch(() => this.#check());
      for (const number of new Set(this.#sets.flatMap((set) => set.nodes))) void this.#ask(number);
      this.#check();
    });
    cancel();
    unwatch();
    this.#endAsking();
    return missing;
  }

  async #ask(number: NodeNumber): Promise<void> {
    this.#open.add(number);
    try {
      const { sequence } = await this.#nodes.call(number, 0, { sequence: {} }, FENCE_ANSWER_MS);
      const ours =
        sequence?.diskId === this.#nodes.node(number)?.diskId && (sequence?.generation ?? 0) <= this.#nodes.map().generation;
      if (sequence && ours) this.#marks.set(number, sequence);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.debug(`${nodeName(number)} does not say how far its change log reaches`, { error: messageOf(error) });
    }
    this.#open.delete(number);
    this.#check();
  }

  #check(): void {
    const answered = (number: NodeNumber) => this.#marks.has(number);
    if (this.#open.size === 0 || this.#reached(answered)) this.#endAsking();
    if (this.#reached((number) => this.#takenIn(number))) this.#finish("");
    // What can still come will not be enough: waiting longer than for those that answered would be in vain.
    const hopeless = this.#open.size === 0 && !this.#reached(answered);
    if (hopeless && [...this.#marks.keys()].every((number) => this.#takenIn(number))) this.#finish(this.#missing());
  }

  #takenIn(number: NodeNumber): boolean {
    const mark = this.#marks.get(number);
    if (mark === undefined) return false;
    const { covered, resolved } = this.#catalogue.log(mark.diskId);
    const through = this.#throughs.get(number) ?? (covered >= mark.current ? covered : undefined);
    if (through === undefined) return false;
    this.#throughs.set(number, through);
    return resolved >= through;
  }

  /** Read to its mark, though perhaps not all of it is listed. */
  #isCovered(number: NodeNumber): boolean {
    const mark = this.#marks.get(number);
    return mark !== undefined && this.#catalogue.log(mark.diskId).covered >= mark.current;
  }

  #reached(counts: (number: NodeNumber) => boolean): boolean {
    return this.#sets.every((set) => set.nodes.filter(counts).length >= logNeed(set));
  }

  /** What may be missing from a listing made now. */
  #missing(): string {
    const short = this.#sets.filter((set) => set.nodes.filter((number) => this.#takenIn(number)).length < logNeed(set));
    const numbers = [...new Set(short.flatMap((set) => set.nodes))].sort((a, b) => a - b);
    const silent = numbers.filter((number) => !this.#marks.has(number));
    const heard = numbers.filter((number) => this.#marks.has(number));
    const unread = heard.filter((number) => !this.#isCovered(number));
    const waiting = heard.some((number) => this.#isCovered(number) && !this.#takenIn(number));
    const parts = [missingWords(silent), unreadWords(unread), waiting ? this.#unsettledWords() : ""];
    return parts.filter((part) => part !== "").join("; ");
  }

  #unsettledWords(): string {
    const paths = this.#catalogue.pendingPaths(3);
    const others = this.#catalogue.pendingFiles - paths.length;
    const shown = others > 0 ? `${paths.join(", ")} and ${others} more` : andList(paths);
    return `not settled in time, so that newer versions may be missing: ${shown || "recent puts"}`;
  }
}

function unreadWords(numbers: readonly NodeNumber[]): string {
  if (numbers.length === 0) return "";
  const logs = numbers.length === 1 ? "the change log" : "the change logs";
  return `${logs} of ${andList(numbers.map(nodeName))} could not be read to the end in time: recent puts may be missing`;
}
