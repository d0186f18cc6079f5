/**
 * A run's latencies in HdrHistogram's own log format (1.3): text, a line per interval and kind with the compressed histogram, which
 * HistogramLogProcessor, HistogramLogAnalyzer, hdr-plot and the libraries of other languages read. Values are microseconds; what ran is
 * the tag: put, get, ls.
 */
import { HistogramLogWriter } from "hdr-histogram-js";
import { KINDS } from "./mix.ts";
import type { Interval } from "./series.ts";

/** Of the column Interval_Max: milliseconds. */
const MAX_UNIT_US = 1000;

export class HistogramLog {
  readonly #writer: HistogramLogWriter;

  /** `write` takes whole lines, with their ends. */
  constructor(write: (text: string) => void) {
    this.#writer = new HistogramLogWriter(write);
  }

  /** `wallMs`: when measuring began. */
  begin(wallMs: number, comments: readonly string[]): void {
    for (const comment of comments) this.#writer.outputComment(comment);
    this.#writer.outputComment("Values are microseconds; Interval_Max is in milliseconds; tags are the kinds of operations");
    this.#writer.outputLogFormatVersion();
    this.#writer.outputComment(
      `[StartTime: ${(wallMs / 1000).toFixed(3)} (seconds since epoch), ${new Date(wallMs).toISOString()}]`,
    );
    this.#writer.outputLegend();
  }

  interval({ fromSec, durationSec, tally }: Interval): void {
    for (const kind of KINDS) {
      const histogram = tally.kinds[kind].latencies?.histogram;
      if (histogram === undefined) continue;
      histogram.tag = kind;
      this.#writer.outputIntervalHistogram(histogram, fromSec, fromSec + durationSec, MAX_UNIT_US);
    }
  }
}
