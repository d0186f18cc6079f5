/** When a run has shown what it has to show: the throughput of its last windows is level. */

/** Windows that must agree. */
export const STABLE_WINDOWS = 5;
/** Intervals of a window: more than one, so that a checkpoint or a scan in each second one does not look like unrest. */
export const STABLE_WINDOW_INTERVALS = 2;
/** How far each window may be from the mean of all of them. */
export const STABLE_WITHIN_PERCENT = 5;

export interface Stability {
  /** False: the run ended before its throughput was level. */
  readonly reached: boolean;
  readonly windows: number;
  readonly windowSec: number;
  readonly withinPercent: number;
  /** The farthest of the last windows from their mean; null: too few windows. */
  readonly spreadPercent: number | null;
  /** Mean throughput of the last windows; null: too few windows. */
  readonly perSec: number | null;
}

/** `counts`: operations done in each whole interval so far, oldest first. Windows without operations are never stable. */
export function stabilityOf(counts: readonly number[], intervalSec: number): Stability {
  const windowSec = STABLE_WINDOW_INTERVALS * intervalSec;
  const asked = { windows: STABLE_WINDOWS, windowSec, withinPercent: STABLE_WITHIN_PERCENT };
  // Windows begin where they begin: looked at from every second, some view of a slow swing would be level.
  const whole = counts.slice(0, counts.length - (counts.length % STABLE_WINDOW_INTERVALS));
  const last = whole.slice(-STABLE_WINDOWS * STABLE_WINDOW_INTERVALS);
  if (last.length < STABLE_WINDOWS * STABLE_WINDOW_INTERVALS)
    return { ...asked, reached: false, spreadPercent: null, perSec: null };
  const rates = Array.from({ length: STABLE_WINDOWS }, (_, window) => {
    const from = window * STABLE_WINDOW_INTERVALS;
    return last.slice(from, from + STABLE_WINDOW_INTERVALS).reduce((sum, count) => sum + count, 0) / windowSec;
  });
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / STABLE_WINDOWS;
  const farthest = Math.max(...rates.map((rate) => Math.abs(rate - mean)));
  const spreadPercent = mean > 0 ? (farthest / mean) * 100 : Number.POSITIVE_INFINITY;
  return {
    ...asked,
    reached: spreadPercent <= STABLE_WITHIN_PERCENT,
    spreadPercent: mean > 0 ? Math.round(spreadPercent * 10) / 10 : null,
    perSec: Math.round(mean * 10) / 10,
  };
}
