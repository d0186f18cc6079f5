/** What a run counts: per kind of operation and per node. */
import type { ErrorCode } from "../base/errors.ts";
import { Latencies, type LatencySummary } from "./latency.ts";
import type { Kind } from "./mix.ts";

export interface KindResult extends LatencySummary {
  /** Operations that were done; latencies and perSec are theirs alone. */
  readonly count: number;
  /** Operations that were not, or may not have been: the sum of errorCodes, `unknown` among them. */
  readonly errors: number;
  /** OUTCOME_UNKNOWN: it may or may not have been done. */
  readonly unknown: number;
  readonly errorCodes: Readonly<Partial<Record<ErrorCode, number>>>;
  readonly perSec: number;
}

export interface NodeCounts {
  puts: number;
  gets: number;
}

class KindTally {
  readonly latencies = new Latencies();
  readonly errorCodes: Partial<Record<ErrorCode, number>> = {};
  errors = 0;

  result(durationSec: number): KindResult {
    const { count } = this.latencies;
    const perSec = durationSec > 0 ? Math.round((count / durationSec) * 10) / 10 : 0;
    const { errors, errorCodes } = this;
    return { count, errors, unknown: errorCodes.OUTCOME_UNKNOWN ?? 0, errorCodes, perSec, ...this.latencies.summary() };
  }
}

export class Tally {
  readonly #kinds: Record<Kind, KindTally> = { put: new KindTally(), get: new KindTally(), ls: new KindTally() };
  readonly #nodes = new Map<string, NodeCounts>();

  constructor(nodes: readonly string[]) {
    for (const node of nodes) this.#countsOf(node);
  }

  put(latencyMs: number, node: string): void {
    this.#kinds.put.latencies.record(latencyMs);
    this.#countsOf(node).puts++;
  }

  get(latencyMs: number, node: string): void {
    this.#kinds.get.latencies.record(latencyMs);
    this.#countsOf(node).gets++;
  }

  ls(latencyMs: number): void {
    this.#kinds.ls.latencies.record(latencyMs);
  }

  error(kind: Kind, code: ErrorCode): void {
    const tally = this.#kinds[kind];
    tally.errors++;
    tally.errorCodes[code] = (tally.errorCodes[code] ?? 0) + 1;
  }

  operations(durationSec: number): Record<Kind, KindResult> {
    const { put, get, ls } = this.#kinds;
    return { put: put.result(durationSec), get: get.result(durationSec), ls: ls.result(durationSec) };
  }

  perNode(): Record<string, NodeCounts> {
    return Object.fromEntries([...this.#nodes].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })));
  }

  #countsOf(node: string): NodeCounts {
    let counts = this.#nodes.get(node);
    if (counts === undefined) {
      counts = { puts: 0, gets: 0 };
      this.#nodes.set(node, counts);
    }
    return counts;
  }
}
