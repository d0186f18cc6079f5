/** What was counted: per kind of operation and per node. Tallies of other processes and other times can be added to it. */
import { type ErrorCode, isErrorCode } from "../base/errors.ts";
import { type CurvePoint, Latencies, type LatencySummary } from "./latency.ts";
import { KINDS, type Kind } from "./mix.ts";

export interface KindResult extends LatencySummary {
  /** Operations that were done; latencies, bytes and rates are theirs alone. */
  readonly count: number;
  /** Operations that were not, or may not have been: the sum of errorCodes, `unknown` among them. */
  readonly errors: number;
  /** OUTCOME_UNKNOWN: it may or may not have been done. */
  readonly unknown: number;
  readonly errorCodes: Readonly<Partial<Record<ErrorCode, number>>>;
  readonly perSec: number;
  /** Of contents, put or got. */
  readonly bytes: number;
  readonly bytesPerSec: number;
  readonly percentiles: readonly CurvePoint[];
}

export interface NodeCounts {
  puts: number;
  gets: number;
}

export interface KindTallyWire {
  /** Null: nothing was done. */
  readonly latencies: string | null;
  readonly maxUs: number;
  readonly bytes: number;
  readonly errorCodes: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** As one process tells it to another. */
export interface TallyWire {
  readonly kinds: Readonly<Partial<Record<Kind, KindTallyWire>>>;
  readonly nodes: Readonly<Record<string, NodeCounts>>;
}

export class KindTally {
  /** Made when it is needed: an empty histogram has some 100 KB. */
  #latencies: Latencies | undefined;
  readonly errorCodes: Partial<Record<ErrorCode, number>> = {};
  bytes = 0;

  /** Undefined: nothing was done. */
  get latencies(): Latencies | undefined {
    return this.#latencies;
  }

  get count(): number {
    return this.#latencies?.count ?? 0;
  }

  get errors(): number {
    return Object.values(this.errorCodes).reduce((sum, count) => sum + count, 0);
  }

  done(latencyMs: number, bytes: number): void {
    this.#latencies ??= Latencies.empty();
    this.#latencies.record(latencyMs);
    this.bytes += bytes;
  }

  failed(code: ErrorCode, count = 1): void {
    this.errorCodes[code] = (this.errorCodes[code] ?? 0) + count;
  }

  add({ latencies, maxUs, bytes, errorCodes }: KindTallyWire | KindTally): void {
    if (latencies !== undefined && latencies !== null) {
      this.#latencies ??= Latencies.empty();
      this.#latencies.add(typeof latencies === "string" ? Latencies.decoded(latencies, maxUs) : latencies);
    }
    this.bytes += bytes;
    for (const [code, count] of Object.entries(errorCodes)) if (isErrorCode(code)) this.failed(code, count);
  }

  get maxUs(): number {
    return this.#latencies?.maxUs ?? 0;
  }

  wire(): KindTallyWire {
    return { latencies: this.#latencies?.encoded() ?? null, maxUs: this.maxUs, bytes: this.bytes, errorCodes: this.errorCodes };
  }

  result(durationSec: number): KindResult {
    const { count, errors, errorCodes, bytes } = this;
    const latencies = this.#latencies ?? Latencies.empty();
    return {
      count,
      errors,
      unknown: errorCodes.OUTCOME_UNKNOWN ?? 0,
      errorCodes,
      perSec: perSecOf(count, durationSec),
      bytes,
      bytesPerSec: Math.round(perSecOf(bytes, durationSec)),
      ...latencies.summary(),
      percentiles: latencies.curve(),
    };
  }
}

/** To a tenth; 0 when no time passed. */
export function perSecOf(count: number, durationSec: number): number {
  return durationSec > 0 ? Math.round((count / durationSec) * 10) / 10 : 0;
}

export class Tally {
  readonly kinds: Readonly<Record<Kind, KindTally>> = { put: new KindTally(), get: new KindTally(), ls: new KindTally() };
  readonly #nodes = new Map<string, NodeCounts>();

  constructor(nodes: readonly string[]) {
    for (const node of nodes) this.#countsOf(node);
  }

  /** The inverse of `wire`. */
  static of(nodes: readonly string[], wire: TallyWire): Tally {
    const tally = new Tally(nodes);
    for (const kind of KINDS) {
      const counted = wire.kinds[kind];
      if (counted !== undefined) tally.kinds[kind].add(counted);
    }
    tally.#addNodes(Object.entries(wire.nodes));
    return tally;
  }

  put(latencyMs: number, node: string, bytes: number): void {
    this.kinds.put.done(latencyMs, bytes);
    this.#countsOf(node).puts++;
  }

  get(latencyMs: number, node: string, bytes: number): void {
    this.kinds.get.done(latencyMs, bytes);
    this.#countsOf(node).gets++;
  }

  ls(latencyMs: number): void {
    this.kinds.ls.done(latencyMs, 0);
  }

  error(kind: Kind, code: ErrorCode): void {
    this.kinds[kind].failed(code);
  }

  /** Operations that were done. */
  get count(): number {
    return KINDS.reduce((sum, kind) => sum + this.kinds[kind].count, 0);
  }

  /** Counts what the other counted, too; histograms are added up count by count. */
  add(other: Tally): void {
    for (const kind of KINDS) this.kinds[kind].add(other.kinds[kind]);
    this.#addNodes(other.#nodes);
  }

  wire(): TallyWire {
    const ran = KINDS.filter((kind) => this.kinds[kind].count + this.kinds[kind].errors > 0);
    return { kinds: Object.fromEntries(ran.map((kind) => [kind, this.kinds[kind].wire()])), nodes: this.perNode() };
  }

  operations(durationSec: number): Record<Kind, KindResult> {
    const { put, get, ls } = this.kinds;
    return { put: put.result(durationSec), get: get.result(durationSec), ls: ls.result(durationSec) };
  }

  perNode(): Record<string, NodeCounts> {
    return Object.fromEntries([...this.#nodes].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })));
  }

  #addNodes(nodes: Iterable<readonly [string, NodeCounts]>): void {
    for (const [node, { puts, gets }] of nodes) {
      const counts = this.#countsOf(node);
      counts.puts += puts;
      counts.gets += gets;
    }
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
