/**
 * How much a silent DataNode is suspected: an accrual failure detector (Hayashibara, Défago, Yared and Katayama, "The phi accrual
 * failure detector", 2004). It says a level, not a verdict: phi is minus the decimal logarithm of the chance that a heartbeat
 * which is so late still comes. Whoever acts on it takes the level at which a mistake is cheap enough: a suspect is only asked later
 * than others (SUSPECT_PHI), one that is down is missing (DOWN_PHI).
 *
 * The chance is taken from what this very node did lately: past the mean interval lateness is taken to be exponentially
 * distributed, with the deviation of its intervals as the mean lateness (which it is, for an exponential). The paper's normal
 * distribution has tails that pauses of real processes (collections, a busy processor, a slow flush) do not keep to: a single late
 * heartbeat becomes impossible there. Mean and deviation are kept within bounds, so that the quietest node is not suspected for one lost
 * heartbeat, and the most irregular one is down after DOWN_AFTER_MS_MAX at the latest.
 */
import {
  DOWN_PHI,
  HEARTBEAT_MS,
  SUSPICION_INTERVALS,
  SUSPICION_INTERVALS_MIN,
  SUSPICION_LATENESS_MS_MAX,
  SUSPICION_LATENESS_MS_MIN,
  SUSPICION_MEAN_MS_MAX,
} from "../limits.ts";

/** What the intervals between a node's heartbeats are like. */
interface Usual {
  readonly meanMs: number;
  readonly latenessMs: number;
}

/** Until enough was heard. */
const AS_AGREED: Usual = { meanMs: HEARTBEAT_MS, latenessMs: SUSPICION_LATENESS_MS_MIN };

export class Suspicion {
  #heardMs: number;
  /** The last intervals, the oldest first. */
  readonly #intervalsMs: number[] = [];
  #usual: Usual = AS_AGREED;

  /** As if heard now. Moments are monotonic, here and below. */
  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  /** A heartbeat. The silence of a node that was away is no interval between heartbeats. */
  heard(nowMs: number): void {
    const intervalMs = Math.max(0, nowMs - this.#heardMs);
    if (this.phi(nowMs) < DOWN_PHI) this.#learn(intervalMs);
    this.#heardMs = nowMs;
  }

  /** So much of the silence is not the node's doing: whoever listens stood still itself. */
  excuse(ms: number): void {
    this.#heardMs += ms;
  }

  /** 0: nothing speaks against it; p: of 10^p silences like this one, one still ends by itself. */
  phi(nowMs: number): number {
    const { meanMs, latenessMs } = this.#usual;
    const lateMs = nowMs - this.#heardMs - meanMs;
    return lateMs <= 0 ? 0 : lateMs / (latenessMs * Math.LN10);
  }

  #learn(intervalMs: number): void {
    this.#intervalsMs.push(intervalMs);
    if (this.#intervalsMs.length > SUSPICION_INTERVALS) this.#intervalsMs.shift();
    const count = this.#intervalsMs.length;
    if (count < SUSPICION_INTERVALS_MIN) return;
    const mean = this.#intervalsMs.reduce((sum, ms) => sum + ms, 0) / count;
    const variance = this.#intervalsMs.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / count;
    this.#usual = {
      meanMs: Math.min(SUSPICION_MEAN_MS_MAX, Math.max(HEARTBEAT_MS, mean)),
      latenessMs: Math.min(SUSPICION_LATENESS_MS_MAX, Math.max(SUSPICION_LATENESS_MS_MIN, Math.sqrt(variance))),
    };
  }
}
