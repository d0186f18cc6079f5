/** `qdfs bench`, measuring: a run over a connected client, and what is made of its result. */
import { Exit } from "../../base/errors.ts";
import { HistogramLog } from "../../bench/histogram-log.ts";
import { type Observer, recordOf, traceLine } from "../../bench/observer.ts";
import { pageOf } from "../../bench/page.ts";
import type { BenchPlan } from "../../bench/plan.ts";
import { reportOf, seriesLine } from "../../bench/report.ts";
import { type BenchResult, errorsOf } from "../../bench/result.ts";
import { type BenchPorts, runBench } from "../../bench/run.ts";
import { historyLine } from "../../check/history-file.ts";
import type { Client } from "../../client/connect.ts";
import type { Runtime } from "../../ports.ts";
import { realRuntime } from "../../runtime/runtime.ts";
import { seededRandom } from "../../runtime/seeded-random.ts";
import { benchTargetOf } from "../bench-target.ts";
import { checkWritable, LineFile } from "../line-file.ts";
import type { Output } from "../output.ts";
import { failureOf } from "../verdict.ts";
import { startFleet } from "./fleet.ts";
import { originOf } from "./machine.ts";

/** Files that are written beside the result; undefined: not asked for. */
export interface BenchFiles {
  readonly history: string | undefined;
  readonly histogram: string | undefined;
  readonly html: string | undefined;
}

export interface MeasureOptions {
  readonly files: BenchFiles;
  readonly trace: boolean;
  /** Flags for client processes: where the cluster is. */
  readonly args: readonly string[];
}

/** The world, with chance that costs next to nothing: several draws an operation. */
export function benchRuntime(): Runtime {
  const real = realRuntime();
  return { ...real, random: seededRandom(real.random.unit() * Number.MAX_SAFE_INTEGER) };
}

/**
 * Runs the plan and prints its result. Ctrl-C ends the load early, with the result so far.
 * @throws QdfsError LOCAL_FILE before anything is measured; VIOLATION, UNDECIDED
 */
export async function measure(client: Client, plan: BenchPlan, output: Output, options: MeasureOptions): Promise<Exit> {
  const { html, history, histogram } = options.files;
  if (html !== undefined) checkWritable(html);
  const open: LineFile[] = [];
  const opened = (path: string | undefined) => {
    if (path === undefined) return undefined;
    const file = new LineFile(path);
    open.push(file);
    return file;
  };
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  try {
    const [historyFile, histogramFile] = [opened(history), opened(histogram)];
    process.once("SIGINT", interrupt);
    const ports = portsOf(output, options, historyFile, histogramFile, () => interrupted);
    const result = await runBench(benchTargetOf(client), plan, ports.runtime, ports);
    output.row(result, ["", ...reportOf(result)].join("\n"));
    if (html !== undefined) writePage(html, result);
    const failure = result.check === undefined ? undefined : failureOf(result.check);
    if (failure !== undefined) throw failure;
    return interrupted ? Exit.INTERRUPTED : exitOf(result);
  } finally {
    process.off("SIGINT", interrupt);
    for (const file of open) file.close();
  }
}

function portsOf(
  output: Output,
  { args, trace }: MeasureOptions,
  history: LineFile | undefined,
  histogramFile: LineFile | undefined,
  stopped: () => boolean,
): BenchPorts & { readonly runtime: Runtime } {
  const runtime = benchRuntime();
  const origin = originOf(process.argv.slice(2));
  const say = (text: string) => output.notice(text);
  const histograms = histogramFile && new HistogramLog((text) => histogramFile.write(text.trimEnd()));
  return {
    runtime,
    origin,
    observer: observerOf(output, trace, history),
    progress: say,
    started: (wallMs) => histograms?.begin(wallMs, [`qdfs ${origin.version}: ${origin.command}`]),
    interval: (interval, row) => {
      histograms?.interval(interval);
      output.explain(seriesLine(row));
    },
    stopped,
    startFleet: (job) => startFleet(job, { args, clock: runtime.clock, say, explain: (text) => output.explain(text) }),
  };
}

/** Undefined when nobody wants to see single operations: then none is described. */
function observerOf(output: Output, trace: boolean, history: LineFile | undefined): Observer | undefined {
  if (!trace && history === undefined) return undefined;
  return {
    operation: (operation) => {
      if (trace) output.row({ event: "operation", ...operation }, traceLine(operation));
      const recorded = history === undefined ? undefined : recordOf(operation);
      if (recorded !== undefined) history?.write(historyLine(recorded));
    },
  };
}

/** Errors beside successes are a measurement; nothing but errors is a cluster that is not there. */
function exitOf(result: BenchResult): Exit {
  const done = Object.values(result.operations).reduce((sum, { count }) => sum + count, 0);
  return done === 0 && errorsOf(result) > 0 ? Exit.UNAVAILABLE : Exit.DONE;
}

/** @throws QdfsError LOCAL_FILE */
function writePage(path: string, result: BenchResult): void {
  const file = new LineFile(path);
  try {
    file.write(pageOf(result).trimEnd());
  } finally {
    file.close();
  }
}
