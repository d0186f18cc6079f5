/** A run from beginning to end: preload, measure, look, tidy. */

import { codeOf } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { BENCH_PRELOAD_IN_FLIGHT } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { type BenchCheck, KeptHistory } from "./check.ts";
import { drive } from "./drive.ts";
import { KINDS, type Kind, needsFiles } from "./mix.ts";
import type { Observer } from "./observer.ts";
import { Operations, pathOf } from "./operations.ts";
import type { BenchPlan } from "./plan.ts";
import { type KindResult, type NodeCounts, Tally } from "./tally.ts";
import type { BenchTarget, ClusterDescription } from "./target.ts";

/** The JSON result of `qdfs bench` (CLI.md). */
export interface BenchResult {
  readonly mix: string;
  readonly clients: number;
  /** Per client. */
  readonly inFlight: number;
  /** As asked for; null: closed loop. */
  readonly ratePerSec: number | null;
  /** From the first start to the last end, not as asked for: a last operation that hangs is part of it. */
  readonly durationSec: number;
  readonly sizeBytes: number;
  readonly files: number;
  readonly directory: string;
  readonly quorum: ClusterDescription["quorum"];
  /** DataNodes flush before they acknowledge; there is no other way to run them. */
  readonly fsync: true;
  readonly operations: Readonly<Record<Kind, KindResult>>;
  /** Puts by coordinator, gets by the node that sent the bytes. */
  readonly perNode: Readonly<Record<string, NodeCounts>>;
  /** What the last listings saw, when there were any. */
  readonly found?: { readonly files: number; readonly perNode: Readonly<Record<string, number>> };
  /** When it was asked for: whether all that was answered, the preload included, is linearizable. */
  readonly check?: BenchCheck;
}

export interface Watch {
  readonly observer?: Observer;
  /** Says what is going on, for people. */
  readonly progress?: (text: string) => void;
  /** Once it is true the run ends early, with the result so far. */
  readonly stopped?: () => boolean;
}

/**
 * Runs the plan.
 * @throws QdfsError when the cluster cannot be described, or a file of the preload not be written (nothing to measure then)
 */
export async function runBench(target: BenchTarget, plan: BenchPlan, runtime: Runtime, watch: Watch = {}): Promise<BenchResult> {
  const { progress = () => {}, stopped = () => false } = watch;
  const { quorum, nodes } = await target.describe();
  const directory = `/bench/${runtime.random.hex(8)}`;
  const kept = plan.check ? new KeptHistory() : undefined;
  const operations = new Operations(target, plan, runtime, directory, nodes, both(watch.observer, kept));
  if (needsFiles(plan.mix)) {
    progress(`writing ${plan.files} files to ${directory}`);
    await each(plan.files, (index) => operations.preload((index % plan.clients) + 1, pathOf(directory, index)));
  }
  progress(`measuring for ${plan.durationMs / 1000} s`);
  const tally = new Tally(nodes);
  const tookMs = await drive(plan, { ...runtime, stopped }, (client, sinceMs) => operations.draw(client, sinceMs, tally));
  if (plan.cleanup) {
    progress(`deleting the files`);
    await each(plan.files, (index) => removeIfThere(target, pathOf(directory, index)));
  }
  if (kept !== undefined) progress("judging what was answered");
  const check = kept?.judge();
  const durationSec = Math.round(tookMs) / 1000;
  return {
    mix: plan.mix.name,
    clients: plan.clients,
    inFlight: plan.inFlight,
    ratePerSec: plan.ratePerSec,
    durationSec,
    sizeBytes: plan.sizeBytes,
    files: plan.files,
    directory,
    quorum,
    fsync: true,
    operations: tally.operations(tookMs / 1000),
    perNode: tally.perNode(),
    ...(operations.found.size > 0 ? { found: foundBy(operations) } : {}),
    ...(check === undefined ? {} : { check }),
  };
}

/** Operations of the run that were not done, or may not have been. */
export function errorsOf(result: BenchResult): number {
  return KINDS.reduce((sum, kind) => sum + result.operations[kind].errors, 0);
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

/** Runs `work` for 0 … count - 1, BENCH_PRELOAD_IN_FLIGHT at a time; the first failure ends it. */
async function each(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, BENCH_PRELOAD_IN_FLIGHT) }, worker));
}

function foundBy(operations: Operations): { files: number; perNode: Record<string, number> } {
  const perNode = [...operations.found].filter(([node]) => node !== "");
  return {
    files: operations.found.get("") ?? 0,
    perNode: Object.fromEntries(perNode.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))),
  };
}
