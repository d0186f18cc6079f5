/**
 * `--quorum adaptive`: watches how much is read and written and who is up, and moves the cluster to the quorum that suits
 * (cluster/adaptive-quorum.ts says which). It is in no hurry: a load's reasons must save ADAPTIVE_GAIN_MIN for ADAPTIVE_CONFIRM_MS without
 * a break, ADAPTIVE_DWELL_MS after the last move, and only so many moves an hour are made. A setting that the nodes that are up cannot
 * serve is left at once, as far as that can be.
 *
 * Resting → (a reason that lasts) → changing → resting. While a change runs nothing is decided.
 */
import type { NodeNumber } from "../base/ids.ts";
import { costMs, type Load, type QuorumSize, safeQuorums } from "../cluster/adaptive-quorum.ts";
import { isInForce } from "../cluster/quorum-in-force.ts";
import { ADAPTIVE } from "../cluster/quorum-spec.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import {
  ADAPTIVE_CALM_MS,
  ADAPTIVE_CONFIRM_MS,
  ADAPTIVE_DWELL_MS,
  ADAPTIVE_GAIN_MIN,
  ADAPTIVE_MIX_HALF_LIFE_MS,
  ADAPTIVE_MOVES_PER_HOUR_MAX,
  ADAPTIVE_MOVES_RESERVED,
  ADAPTIVE_OPERATIONS_MIN,
  ADAPTIVE_REVIEW_MS,
} from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import type { QuorumChangeEnd, QuorumChanger } from "../supernode-ports.ts";
import type { HeartbeatRequest } from "../wire/membership-messages.ts";
import { type ClusterMap, NodeState } from "../wire/messages.ts";
import type { AdaptiveStatus } from "../wire/status-messages.ts";

const HOUR_MS = 3_600_000;

/** What the controller sees of the cluster. */
export interface Watched {
  map(): ClusterMap;
  /** What a node said last; undefined: nothing yet. */
  heartbeat(number: NodeNumber): HeartbeatRequest | undefined;
}

/** How hasty it is; ADAPTIVE_CALM_MS and ADAPTIVE_DWELL_MS if left out. */
export interface AdaptivePace {
  /** Every replica was up for this long before a setting that needs all of them is entered. */
  readonly calmMs?: number | undefined;
  /** After a move, or a try, before the next one for the load's sake. */
  readonly dwellMs?: number | undefined;
}

interface Wish {
  readonly to: QuorumSize;
  readonly reason: string;
  /** The present setting cannot be served, or not safely. */
  readonly forced: boolean;
}

export class QuorumController {
  readonly #runtime: Runtime;
  readonly #watched: Watched;
  readonly #changer: QuorumChanger;
  readonly #calmMs: number;
  readonly #dwellMs: number;
  /** By node, its counts at the last review. */
  readonly #counted = new Map<NodeNumber, { readonly reads: number; readonly writes: number }>();
  #reads = 0;
  #writes = 0;
  #lastReviewMs: number;
  /** When a replica was last seen away; before this process started nobody looked. */
  #troubledAtMs: number;
  #wish: Wish | undefined;
  #wishedSinceMs = 0;
  #reason = "nothing was measured yet";
  #changing = false;
  /** No move before. */
  #restUntilMs = 0;
  #movedAtMs: number[] = [];
  #moves = 0;
  #failed = 0;
  #cancel: Cancel = () => undefined;

  constructor(runtime: Runtime, watched: Watched, changer: QuorumChanger, { calmMs, dwellMs }: AdaptivePace = {}) {
    this.#calmMs = calmMs ?? ADAPTIVE_CALM_MS;
    this.#dwellMs = dwellMs ?? ADAPTIVE_DWELL_MS;
    this.#runtime = runtime;
    this.#watched = watched;
    this.#changer = changer;
    this.#lastReviewMs = runtime.clock.monotonicMs();
    this.#troubledAtMs = this.#lastReviewMs;
  }

  start(): void {
    this.#cancel = this.#runtime.timers.after(ADAPTIVE_REVIEW_MS, () => {
      this.start();
      this.#review();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Null: the quorum is fixed. */
  status(): AdaptiveStatus | null {
    if (!this.#isAdaptive()) return null;
    const { w, r } = this.#wish?.to ?? this.#watched.map().policy;
    const { readsPerSec, writesPerSec } = this.#load();
    const counts = { moves: this.#moves, failed: this.#failed };
    return { wantedW: w, wantedR: r, reason: this.#reason, readsPerSec, writesPerSec, ...counts };
  }

  #isAdaptive(): boolean {
    return this.#watched.map().policy.name === ADAPTIVE;
  }

  #review(): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    this.#count(nowMs);
    const map = this.#watched.map();
    if (!this.#isAdaptive()) {
      this.#wish = undefined;
      return;
    }
    if (this.#changing || map.partitions.length === 0) return;
    if (!isInForce(map)) {
      // Begun by a SuperNode before this one, or by an operator who made the quorum adaptive, or something else that was given up: it is seen to its end.
      void this.#finish(map.policy);
      return;
    }
    const before = this.#wish;
    const wish = this.#decide(map, nowMs);
    this.#wish = wish;
    if (wish === undefined) return;
    if (before === undefined || before.to.w !== wish.to.w || before.to.r !== wish.to.r) this.#wishedSinceMs = nowMs;
    if (this.#mayMove(wish, nowMs)) void this.#move(wish, map.policy, nowMs);
  }

  /** Adds up what was read and written since the last review, and lets what was before fade. */
  #count(nowMs: number): void {
    const fading = 0.5 ** ((nowMs - this.#lastReviewMs) / ADAPTIVE_MIX_HALF_LIFE_MS);
    this.#lastReviewMs = nowMs;
    this.#reads *= fading;
    this.#writes *= fading;
    for (const { number } of this.#watched.map().nodes) {
      const heard = this.#watched.heartbeat(number);
      if (heard === undefined) continue;
      const last = this.#counted.get(number);
      this.#counted.set(number, { reads: heard.reads, writes: heard.writes });
      if (last === undefined) continue; // how long it took to count so many is not known
      // A count that fell is that of a process which began anew.
      this.#reads += heard.reads >= last.reads ? heard.reads - last.reads : heard.reads;
      this.#writes += heard.writes >= last.writes ? heard.writes - last.writes : heard.writes;
    }
  }

  /** The faded counts are those of a steady load over this long. */
  #load(): Load {
    const spanSec = ADAPTIVE_MIX_HALF_LIFE_MS / Math.LN2 / 1_000;
    return { readsPerSec: this.#reads / spanSec, writesPerSec: this.#writes / spanSec };
  }

  /** Where to go, and why; undefined: stay. */
  #decide(map: ClusterMap, nowMs: number): Wish | undefined {
    const { n, w, r } = map.policy;
    const up = new Set(map.nodes.filter(({ state }) => state === NodeState.UP).map(({ number }) => number));
    const present = Math.min(...distinctSets(map).map(({ nodes }) => nodes.filter((number) => up.has(number)).length));
    if (present < n) this.#troubledAtMs = nowMs;
    const safe = safeQuorums(n, present, nowMs - this.#troubledAtMs >= this.#calmMs);
    const stays = safe.some((quorum) => quorum.w === w && quorum.r === r);
    if (safe.length === 0) return this.#stay(`${present} of ${n} replicas are up: no quorum can be served`);
    const load = this.#load();
    const enough = this.#reads + this.#writes >= ADAPTIVE_OPERATIONS_MIN;
    const sets = distinctSets(map).map(({ nodes }) => nodes.filter((number) => up.has(number)));
    const known = enough ? this.#costs(safe, load, sets) : [];
    const best = known[0];
    if (!stays) {
      const middle = safe.find((quorum) => quorum.w < n && quorum.r < n) ?? safe[0];
      const to = best?.to ?? middle;
      const reason = present < n ? `${present} of ${n} replicas are up` : "a replica was away lately";
      return to === undefined ? undefined : this.#want({ to, reason, forced: true });
    }
    if (best === undefined) return this.#stay(enough ? "nothing is measured yet" : "too little is read and written to say");
    const now = known.find(({ to }) => to.w === w && to.r === r)?.ms ?? Number.POSITIVE_INFINITY;
    const words = `${Math.round((100 * load.readsPerSec) / (load.readsPerSec + load.writesPerSec))} % reads: w=${best.to.w},r=${best.to.r} costs ${best.ms.toFixed(2)} ms an operation`;
    if (best.to.w === w && best.to.r === r) return this.#stay(words);
    const compared = `${words}, w=${w},r=${r} ${now.toFixed(2)}`;
    if (best.ms > now * (1 - ADAPTIVE_GAIN_MIN)) return this.#stay(`${compared}: not worth a move`);
    return this.#want({ to: best.to, reason: compared, forced: false });
  }

  #stay(reason: string): undefined {
    this.#reason = reason;
  }

  #want(wish: Wish): Wish {
    this.#reason = wish.reason;
    return wish;
  }

  /** The cheapest first. */
  #costs(safe: readonly QuorumSize[], load: Load, sets: readonly (readonly NodeNumber[])[]) {
    const seen = (by: NodeNumber, of: NodeNumber) => this.#watched.heartbeat(by)?.peers.find(({ number }) => number === of);
    const costs = safe.map((to) => ({ to, ms: costMs(to, load, sets, seen) }));
    return costs.flatMap(({ to, ms }) => (ms === undefined ? [] : [{ to, ms }])).sort((a, b) => a.ms - b.ms);
  }

  #mayMove({ forced }: Wish, nowMs: number): boolean {
    this.#movedAtMs = this.#movedAtMs.filter((atMs) => nowMs - atMs < HOUR_MS);
    const left = ADAPTIVE_MOVES_PER_HOUR_MAX - this.#movedAtMs.length - (forced ? 0 : ADAPTIVE_MOVES_RESERVED);
    if (left <= 0 || nowMs < this.#restUntilMs) return false;
    return forced || nowMs - this.#wishedSinceMs >= ADAPTIVE_CONFIRM_MS;
  }

  async #move({ to, reason, forced }: Wish, from: QuorumSize, nowMs: number): Promise<void> {
    const { log, clock } = this.#runtime;
    const fields = { from: `w=${from.w},r=${from.r}`, to: `w=${to.w},r=${to.r}`, reason };
    log.info("the quorum is to change", fields);
    this.#changing = true;
    this.#movedAtMs.push(nowMs);
    const end = await this.#changer.change(to);
    this.#changing = false;
    this.#ended(end, fields);
    // What health demands is tried again soon; anything else has time.
    const restMs = forced ? ADAPTIVE_CONFIRM_MS : this.#dwellMs;
    this.#restUntilMs = clock.monotonicMs() + restMs;
  }

  /** Brings what is under way to its end, or back. */
  async #finish({ w, r }: QuorumSize): Promise<void> {
    this.#changing = true;
    this.#reason = `a change to w=${w},r=${r} is under way`;
    const end = await this.#changer.change({ w, r });
    this.#changing = false;
    if (end.kind === "failed") this.#runtime.log.warn("the quorum could not be changed", { to: `w=${w},r=${r}`, why: end.why });
    this.#restUntilMs = this.#runtime.clock.monotonicMs() + ADAPTIVE_CONFIRM_MS;
  }

  #ended(end: QuorumChangeEnd, fields: Readonly<Record<string, string>>): void {
    const { log } = this.#runtime;
    switch (end.kind) {
      case "done":
        this.#moves += 1;
        this.#wish = undefined;
        log.info("the quorum has changed", fields);
        return;
      case "failed":
        this.#failed += 1;
        log.warn("the quorum could not be changed", { ...fields, why: end.why });
    }
  }
}
