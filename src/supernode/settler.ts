/**
 * Brings to an end what the change logs alone do not (P20): a chosen change whose head did not come is asked for; a change that
 * stays short of W reports is settled by a coordinator, whose answer is known chosen.
 *
 * The replica that reported the highest ballot is asked first to settle: it counts its own accepted value, so the answer
 * reaches that ballot. An answer from elsewhere may be lower; it is listed all the same, but the higher ballot then goes on waiting. It would
 * be wrong to drop it: its coordinator may still be alive and get it chosen, after which nothing new appears in that replica's log.
 */
import { codeOf } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { configurationOf, replicasOf } from "../cluster/map.ts";
import {
  HEAD_FETCH_AFTER_MS,
  HEAD_FETCH_FOR_LISTING_MS,
  QUORUM_PATIENCE_MS,
  SETTLE_BACKOFF_MAX_MS,
  SETTLE_FOR_LISTING_MS,
  SETTLES_IN_FLIGHT,
  UNSETTLED_AFTER_MS,
} from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { type Configuration, Want } from "../wire/messages.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Nodes } from "./nodes.ts";
import type { Candidate, PendingFile } from "./pending-file.ts";

/** How long a coordinator may take, and how much longer its answer. */
const SETTLE_BUDGET_MS = 2 * QUORUM_PATIENCE_MS;
const ANSWER_SLACK_MS = 500;

export class Settler {
  readonly #runtime: Runtime;
  readonly #catalogue: Catalogue;
  readonly #nodes: Nodes;
  #inFlight = 0;

  constructor(runtime: Runtime, catalogue: Catalogue, nodes: Nodes) {
    this.#runtime = runtime;
    this.#catalogue = catalogue;
    this.#nodes = nodes;
  }

  /** Begins what is overdue, as far as there is room. `hurried`: a listing waits. */
  sweep(hurried: boolean): void {
    const headMs = hurried ? HEAD_FETCH_FOR_LISTING_MS : HEAD_FETCH_AFTER_MS;
    const settleMs = hurried ? SETTLE_FOR_LISTING_MS : UNSETTLED_AFTER_MS;
    const nowMs = this.#runtime.clock.monotonicMs();
    for (const pending of this.#catalogue.waitingFor(Math.min(headMs, settleMs))) {
      if (this.#inFlight >= SETTLES_IN_FLIGHT) return;
      if (pending.busy || pending.listable !== undefined) continue; // it will be listed with the next commit
      if (nowMs < pending.triedAtMs + pauseMs(pending, hurried) || this.#catalogue.isListed(pending)) continue;
      const headless = pending.headless;
      if (headless !== undefined) void this.#run(pending, () => this.#fetchHead(pending, headless));
      else if (nowMs - pending.sinceMs >= settleMs) void this.#run(pending, () => this.#settle(pending));
    }
  }

  /** One try. If it lists nothing new, the next one comes later. */
  async #run(pending: PendingFile, work: () => Promise<void>): Promise<void> {
    const listed = pending.listed;
    pending.busy = true;
    this.#inFlight += 1;
    try {
      await work();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.debug("a file could not be settled yet", { path: pending.path, error });
    }
    pending.busy = false;
    this.#inFlight -= 1;
    pending.tries = pending.listed === listed ? pending.tries + 1 : 0;
    pending.triedAtMs = this.#runtime.clock.monotonicMs();
  }

  /** Asks one that reported the ballot for its head; has the file settled when nobody holds exactly that ballot any more. */
  async #fetchHead(pending: PendingFile, candidate: Candidate): Promise<void> {
    const configuration = this.#configuration(pending);
    for (const node of this.#order([...candidate.reporters])) {
      const body = { read: { path: pending.path, want: Want.HEAD, version: 0 } };
      const answer = await this.#nodes.call(node, configuration.number, body, QUORUM_PATIENCE_MS).catch(operatingFailure);
      const held = answer?.held;
      if (held) this.#catalogue.learn(pending.path, node, held.ballot, held.chosen, held.head);
      if (pending.headless !== candidate) return; // it came, or something newer did
    }
    await this.#settle(pending);
  }

  async #settle(pending: PendingFile): Promise<void> {
    const configuration = this.#configuration(pending);
    const order = this.#order(replicasOf(configuration), pending.highest?.reporters);
    const node = order[pending.tries % order.length] ?? 0;
    const body = { settle: { path: pending.path, budgetMs: SETTLE_BUDGET_MS } };
    const answer = await this.#nodes.call(node, configuration.number, body, SETTLE_BUDGET_MS + ANSWER_SLACK_MS);
    const settled = answer.settled;
    if (settled) this.#catalogue.learn(pending.path, undefined, settled.ballot, true, settled.head);
  }

  #configuration(pending: PendingFile): Configuration {
    return configurationOf(this.#nodes.map(), pending.partition);
  }

  /** Those that are up, and stay so, first; among these the reporters, in the order given (home first). */
  #order(nodes: readonly NodeNumber[], reporters: ReadonlySet<NodeNumber> = new Set()): readonly NodeNumber[] {
    const rank = (node: NodeNumber) => (this.#nodes.isSteady(node) ? 0 : 2) + (reporters.has(node) ? 0 : 1);
    return [...nodes].sort((a, b) => rank(a) - rank(b));
  }
}

/** From one try to the next. A listing does not wait for the long pauses of a file that failed often. */
function pauseMs({ tries }: PendingFile, hurried: boolean): number {
  if (tries === 0) return 0;
  const mostMs = hurried ? UNSETTLED_AFTER_MS : SETTLE_BACKOFF_MAX_MS;
  return Math.min(mostMs, UNSETTLED_AFTER_MS * 2 ** Math.min(tries - 1, 10));
}

/** For a node of several: its failure is that another is asked. Bugs go on. */
function operatingFailure(error: unknown): undefined {
  if (codeOf(error) === undefined) throw error;
}
