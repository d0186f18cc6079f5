/** A run from beginning to end: preload, warm up, measure, look, tidy. */
import { assert, codeOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { Runtime } from "../ports.ts";
import { BENCH_PRELOAD_IN_FLIGHT, BENCH_START_LEAD_MS } from "../tool-limits.ts";
import { KeptHistory } from "./check.ts";
import type { Fleet, FleetJob, LoadEnd, LoadProcess } from "./fleet.ts";
import { intervalMsOf, runLoad } from "./load.ts";
import { MergedIntervals } from "./merged-intervals.ts";
import { needsFiles } from "./mix.ts";
import type { Observer } from "./observer.ts";
import { Operations, pathOf } from "./operations.ts";
import type { BenchPlan } from "./plan.ts";
import type { BenchResult, Origin } from "./result.ts";
import { type Interval, type SeriesRow, seriesRow } from "./series.ts";
import { meanBytesOf } from "./sizes.ts";
import type { BenchTarget } from "./target.ts";
import { contentBlock, Values } from "./values.ts";

export interface BenchPorts {
  readonly origin: Origin;
  readonly observer?: Observer;
  /** Says what is going on, for people. */
  readonly progress?: (text: string) => void;
  /** Measuring begins at this moment, on the wall clock. */
  readonly started?: (wallMs: number) => void;
  /** Sees each interval of the series, histograms and all, in order. */
  readonly interval?: (interval: Interval, row: SeriesRow) => void;
  /** Once it is true the run ends early, with the result so far. */
  readonly stopped?: () => boolean;
  /** Starts the client processes of a plan that has several, connected and ready. */
  readonly startFleet?: (job: FleetJob) => Promise<Fleet>;
}

/**
 * Runs the plan.
 * @throws QdfsError when the cluster cannot be described, a file of the preload not be written (nothing to measure then), or a client
 * process ends before its time
 */
export async function runBench(target: BenchTarget, plan: BenchPlan, runtime: Runtime, ports: BenchPorts): Promise<BenchResult> {
  const kept = plan.check ? new KeptHistory() : undefined;
  const observer = both(ports.observer, kept);
  const { quorum, nodes } = await target.describe();
  const job: FleetJob = {
    plan,
    directory: `/bench/${runtime.random.hex(8)}`,
    nodes,
    block: contentBlock(runtime.random),
    record: observer === undefined ? "nothing" : observer.listing === undefined ? "operations" : "operations and listings",
  };
  assert(plan.procs === 1 || ports.startFleet !== undefined, "a plan with several processes has a way to start them");
  const fleet = plan.procs === 1 ? undefined : await ports.startFleet?.(job);
  try {
    const run = new Run(target, job, runtime, ports, observer);
    const measured = await run.measure(fleet);
    if (plan.cleanup) await run.cleanup();
    if (kept !== undefined) ports.progress?.("judging what was answered");
    const check = kept?.judge();
    return { ...ports.origin, ...conditionsOf(job), quorum, fsync: true, ...measured, ...(check === undefined ? {} : { check }) };
  } finally {
    await fleet?.close();
  }
}

type Conditions =
  | "mix"
  | "clients"
  | "procs"
  | "inFlight"
  | "ratePerSec"
  | "warmUpSec"
  | "sizeBytes"
  | "sizes"
  | "files"
  | "keys";

function conditionsOf({ plan, directory }: FleetJob): Pick<BenchResult, Conditions | "directory"> {
  const { mix, clients, procs, inFlight, ratePerSec, warmUpMs, sizes, files, keys } = plan;
  const sizeBytes = meanBytesOf(sizes);
  return {
    mix: mix.name,
    clients,
    procs,
    inFlight,
    ratePerSec,
    warmUpSec: warmUpMs / 1000,
    sizeBytes,
    sizes,
    files,
    keys,
    directory,
  };
}

type Measured = Omit<BenchResult, keyof Origin | Conditions | "directory" | "quorum" | "fsync" | "check">;

class Run {
  readonly #target: BenchTarget;
  readonly #job: FleetJob;
  readonly #runtime: Runtime;
  readonly #ports: BenchPorts;
  readonly #observer: Observer | undefined;
  readonly #operations: Operations;
  readonly #originMs: number;

  constructor(target: BenchTarget, job: FleetJob, runtime: Runtime, ports: BenchPorts, observer: Observer | undefined) {
    this.#target = target;
    this.#job = job;
    this.#runtime = runtime;
    this.#ports = ports;
    this.#observer = observer;
    this.#originMs = runtime.clock.monotonicMs();
    const { plan, directory, nodes, block } = job;
    // Beside a fleet this process writes the preload alone: as one more that shares the run's contents.
    const values = new Values(plan.sizes, block, plan.procs === 1 ? undefined : { index: plan.procs, of: plan.procs + 1 });
    const share = { index: 0, of: 1 };
    const originMs = this.#originMs;
    this.#operations = new Operations({ target, plan, runtime, directory, nodes, values, share, originMs, observer });
  }

  async measure(fleet: Fleet | undefined): Promise<Measured> {
    const { plan, nodes } = this.#job;
    const { clock } = this.#runtime;
    await this.#preload();
    this.#ports.progress?.(words(plan));
    const series: SeriesRow[] = [];
    const each = (interval: Interval) => {
      const row = seriesRow(interval);
      series.push(row);
      this.#ports.interval?.(interval, row);
    };
    const processes = fleet?.processes ?? [this.#thisProcess()];
    const intervalMs = intervalMsOf(plan);
    const merged = new MergedIntervals({ sources: processes.length, intervalMs, nodes, each });
    const stopped = () => this.#stopped() || (plan.untilStable && merged.stability.reached);
    const startMs = clock.monotonicMs() + (fleet === undefined ? 0 : BENCH_START_LEAD_MS);
    const measuredFromMs = startMs + plan.warmUpMs;
    const startedMs = Math.round(clock.wallMs() + measuredFromMs - clock.monotonicMs());
    this.#ports.started?.(startedMs);
    const take = merged.take.bind(merged);
    const ends = await Promise.all(processes.map((process) => process.run(startMs, take, stopped)));
    const durationSec = Math.max(0, Math.max(...ends.map(({ endMs }) => endMs)) - measuredFromMs) / 1000;
    merged.close(durationSec);
    if (fleet !== undefined && this.#observer !== undefined) await fleet.replay(this.#observer, this.#originMs);
    const found = foundBy(ends);
    return {
      durationSec: Math.round(durationSec * 1000) / 1000,
      startedAt: new Date(startedMs).toISOString(),
      operations: merged.total.operations(durationSec),
      perNode: merged.total.perNode(),
      seriesIntervalSec: intervalMs / 1000,
      series,
      ...(plan.untilStable ? { stability: merged.stability } : {}),
      ...(found.size > 0 ? { found: foundWords(found) } : {}),
    };
  }

  async cleanup(): Promise<void> {
    const { plan, directory } = this.#job;
    this.#ports.progress?.("deleting the files");
    await each(
      plan.files,
      () => false,
      (index) => removeIfThere(this.#target, pathOf(directory, index)),
    );
  }

  async #preload(): Promise<void> {
    const { plan, directory } = this.#job;
    if (!needsFiles(plan.mix)) return;
    this.#ports.progress?.(`writing ${plan.files} files to ${directory}`);
    await each(
      plan.files,
      () => this.#stopped(),
      (index) => this.#operations.preload((index % plan.clients) + 1, pathOf(directory, index)),
    );
  }

  #stopped(): boolean {
    return this.#ports.stopped?.() === true;
  }

  #thisProcess(): LoadProcess {
    const { plan, nodes } = this.#job;
    const operations = this.#operations;
    return {
      run: async (startMs, emit, stopped) => {
        const share = { index: 0, of: 1 };
        const endMs = await runLoad({ plan, share, operations, nodes, runtime: this.#runtime, startMs, emit, stopped });
        return { endMs, found: operations.found };
      },
    };
  }
}

function words(plan: BenchPlan): string {
  const warmUp = plan.warmUpMs > 0 ? `warming up for ${plan.warmUpMs / 1000} s, then ` : "";
  const until = plan.untilStable ? "until the throughput is level, at most " : "for ";
  return `${warmUp}measuring ${until}${plan.durationMs / 1000} s`;
}

function both(first: Observer | undefined, second: KeptHistory | undefined): Observer | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    operation: (operation) => {
      first.operation(operation);
      second.operation(operation);
    },
    listing: (listing) => {
      first.listing?.(listing);
      second.listing(listing);
    },
  };
}

async function removeIfThere(target: BenchTarget, path: Path): Promise<void> {
  try {
    await target.remove(path);
  } catch (error) {
    if (codeOf(error) !== "NOT_FOUND") throw error;
  }
}

/** Runs `work` for 0 … count - 1, BENCH_PRELOAD_IN_FLIGHT at a time, until `stopped`; the first failure ends it. */
async function each(count: number, stopped: () => boolean, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count && !stopped()) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, BENCH_PRELOAD_IN_FLIGHT) }, worker));
}

/** The processes' listings look at the same files: the one that saw most saw last. */
function foundBy(ends: readonly LoadEnd[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const end of ends) for (const [node, files] of end.found) found.set(node, Math.max(files, found.get(node) ?? 0));
  return found;
}

function foundWords(found: ReadonlyMap<string, number>): NonNullable<BenchResult["found"]> {
  const perNode = [...found].filter(([node]) => node !== "");
  return {
    files: found.get("") ?? 0,
    perNode: Object.fromEntries(perNode.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))),
  };
}
