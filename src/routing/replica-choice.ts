/**
 * Which replicas to ask, and when to ask one more; one of it in each process that asks.
 *
 * **Choice.** Of two replicas drawn at random the better one is taken, place by place: the power of two choices (Mitzenmacher 2001).
 * Always taking the best would send every client to the same replica the moment that it looks best; the worst one of three or more is
 * never taken all the same. Better is what is expected to answer sooner: its peak EWMA latency (peak-ewma.ts) times the requests
 * that wait there, our own or those that it told the SuperNode of, whichever are more, for ours are among those it told of.
 *
 * **Hedging.** A request that takes longer than nearly all (HEDGE_QUANTILE of those observed lately) is repeated at the next replica,
 * within a budget (hedge-budget.ts). Beyond it only a replica that gives no sign of life is replaced: a busy one is not made busier.
 *
 * **Looking again.** Who is never asked would be judged for ever by what it once was: `stale` says whom to measure beside the others.
 */
import type { NodeNumber } from "../base/ids.ts";
import {
  HEDGE_MS_MAX,
  HEDGE_MS_MIN,
  HEDGE_QUANTILE,
  HEDGE_SAMPLES_MIN,
  MEASURE_AGAIN_MS,
  MEASURE_AGAIN_MS_MIN,
  MEASURE_AGAIN_READS,
} from "../limits.ts";
import type { Clock, Random } from "../ports.ts";
import { HedgeBudget } from "./hedge-budget.ts";
import { LatencyQuantile } from "./latency-quantile.ts";
import { PeakEwma } from "./peak-ewma.ts";

/** Below what any answer takes, so that what waits counts in any case. */
const LATENCY_MS_MIN = 0.01;
/** Observations after which the hedging delay is worked out again. */
const REVIEW_EVERY = 64;

export interface Candidate {
  readonly node: NodeNumber;
  /** 0: nothing speaks against it; those of a higher rank come after all of a lower one. */
  readonly rank: number;
  /** Requests of ours that it has not answered, or that it has in hand as far as it told, whichever are more. */
  readonly waiting: number;
}

interface Measured {
  readonly latency: PeakEwma;
  /** When it was last measured, or about to be, and how many reads had begun by then. */
  askedAtMs: number;
  askedAtRead: number;
}

export class ReplicaChoice {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #measured = new Map<NodeNumber, Measured>();
  readonly #latencies = new LatencyQuantile();
  readonly #budget = new HedgeBudget();
  #untilReview = 0;
  #reads = 0;
  #hedgeMs: number;

  /** `hedgeMs`: when to hedge while too little is known. */
  constructor(clock: Clock, random: Random, hedgeMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#hedgeMs = hedgeMs;
  }

  /** All candidates, whom to ask first first. */
  order(candidates: readonly Candidate[]): NodeNumber[] {
    // Who has not answered yet is taken for better than the best of the others, so that it gets its chance.
    let bestMs = Number.POSITIVE_INFINITY;
    let inOrder = true;
    let lastRank = Number.NEGATIVE_INFINITY;
    for (const { node, rank } of candidates) {
      bestMs = Math.min(bestMs, this.latencyMs(node) ?? bestMs);
      inOrder &&= rank >= lastRank;
      lastRank = rank;
    }
    const unmeasuredMs = Number.isFinite(bestMs) ? bestMs / 2 : LATENCY_MS_MIN;
    const left = candidates.map(({ node, rank, waiting }) => {
      const expectedMs = Math.max(LATENCY_MS_MIN, this.latencyMs(node) ?? unmeasuredMs);
      return { node, rank, score: expectedMs * (1 + waiting) };
    });
    if (!inOrder) left.sort((a, b) => a.rank - b.rank);
    const ordered: NodeNumber[] = [];
    for (let first = left[0]; first !== undefined; first = left[0]) {
      let alike = 1;
      while (left[alike]?.rank === first.rank) alike += 1;
      const drawn = this.#draw(left, alike);
      ordered.push(left[drawn]?.node ?? first.node);
      left.copyWithin(drawn, drawn + 1);
      left.pop();
    }
    return ordered;
  }

  /** The better of two drawn among the first `count`. */
  #draw(scored: readonly { readonly score: number }[], count: number): number {
    if (count < 2) return 0;
    const pair = count === 2 ? 0 : Math.floor(this.#random.unit() * count * (count - 1));
    const a = Math.floor(pair / (count - 1));
    const drawn = pair % (count - 1);
    const b = drawn < a ? drawn : drawn + 1;
    return (scored[b]?.score ?? 0) < (scored[a]?.score ?? 0) ? b : a;
  }

  /** What a node's answers take at their worst lately, ms; undefined: it was not asked yet. */
  latencyMs(node: NodeNumber): number | undefined {
    return this.#measured.get(node)?.latency.valueMs;
  }

  // ---------------------------------------------------------------------------------------------------- observations

  /** A read begins, or whatever it is that may be hedged. */
  began(): void {
    this.#reads += 1;
    this.#budget.earn();
  }

  /** A node has answered, or its time was over. */
  answered(node: NodeNumber, tookMs: number): void {
    this.measured(node, tookMs);
    this.#latencies.observe(tookMs);
    this.#untilReview -= 1;
    if (this.#untilReview > 0 || this.#latencies.count < HEDGE_SAMPLES_MIN) return;
    this.#untilReview = REVIEW_EVERY;
    this.#hedgeMs = Math.min(HEDGE_MS_MAX, Math.max(HEDGE_MS_MIN, this.#latencies.atMs(HEDGE_QUANTILE)));
  }

  /** As answered, of a request that nobody waited for: it says nothing of when to hedge. */
  measured(node: NodeNumber, tookMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const measured = this.#of(node, nowMs);
    measured.latency.observe(tookMs, nowMs);
    measured.askedAtMs = nowMs;
    measured.askedAtRead = this.#reads;
  }

  /** A node has not answered for so long. */
  overdue(node: NodeNumber, tookMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#of(node, nowMs).latency.atLeast(tookMs, nowMs);
  }

  /** True, once: the node was not measured for long, and should be asked for the sake of that. Whoever is new gets a moment. */
  stale(node: NodeNumber): boolean {
    const nowMs = this.#clock.monotonicMs();
    const measured = this.#of(node, nowMs);
    const isBusy = this.#reads - measured.askedAtRead >= MEASURE_AGAIN_READS;
    if (nowMs - measured.askedAtMs < (isBusy ? MEASURE_AGAIN_MS_MIN : MEASURE_AGAIN_MS)) return false;
    measured.askedAtMs = nowMs;
    measured.askedAtRead = this.#reads;
    return true;
  }

  #of(node: NodeNumber, nowMs: number): Measured {
    let measured = this.#measured.get(node);
    if (measured === undefined) {
      measured = { latency: new PeakEwma(), askedAtMs: nowMs, askedAtRead: this.#reads };
      this.#measured.set(node, measured);
    }
    return measured;
  }

  // --------------------------------------------------------------------------------------------------------- hedging

  /** A request that has taken so long may be sent to one more node. */
  get hedgeMs(): number {
    return this.#hedgeMs;
  }

  /** True: it is, and was counted. */
  mayHedge(): boolean {
    return this.#budget.spend();
  }

  get hedges(): number {
    return this.#budget.spent;
  }
}
