/** Many seeds, one after the other, and what came of them. */
import { warmUpChecksums } from "../base/checksum.ts";
import type { Clock } from "../ports.ts";
import { type PlanOptions, planOf } from "./plan.ts";
import { type RunResult, simulate } from "./run.ts";
import { replayCommand, shrink } from "./shrink.ts";
import type { Violation } from "./violation.ts";

/** Hashers that a run takes and may lose with the clients that die. */
const CHECKSUMS = 32;

/** The world around the simulation. */
export interface SweepPorts {
  readonly clock: Clock;
  /** Processor time of this process so far, its helping threads included. */
  readonly cpuMs: () => number;
  /** Lets the event loop turn: what a run left behind comes to light. */
  pause(): Promise<void>;
  /** Errors that nobody caught since the last call. */
  strays(): readonly unknown[];
  readonly stopped: () => boolean;
  /** A seed failed, as small as it could be made. */
  readonly onFailure: (failure: Failure) => void;
  readonly onRun: (options: PlanOptions, result: RunResult, done: number) => void;
}

export interface Failure {
  readonly seed: number;
  readonly recipe: string;
  /** Of the whole run. */
  readonly violations: readonly Violation[];
  /** Of the smallest run found. */
  readonly shortest: readonly Violation[];
  readonly trace: readonly string[];
  readonly replay: string;
}

export interface SweepResult {
  readonly seeds: number;
  /** Seeds with a violation. */
  readonly violations: number;
  readonly opsChecked: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly virtualSec: number;
  readonly elapsedMs: number;
  readonly runsPerMinute: number;
  readonly runsPerCpuMinute: number;
  readonly failed: readonly Pick<Failure, "seed" | "recipe" | "violations" | "replay">[];
  /** Over the digests of all runs, in order: two sweeps that did the same have the same. */
  readonly digest: string;
}

export interface SweepOptions extends PlanOptions {
  readonly seeds: number;
  readonly keepTrace: boolean;
}

export async function sweep({ seeds, keepTrace, ...first }: SweepOptions, ports: SweepPorts): Promise<SweepResult> {
  const { clock, stopped } = ports;
  const startedMs = clock.monotonicMs();
  const startedCpuMs = ports.cpuMs();
  const totals = { opsChecked: 0, virtualMs: 0, digest: 0n };
  const faults = new Map<string, number>();
  const failed: Failure[] = [];
  let done = 0;
  for (; done < seeds && !stopped(); done += 1) {
    const options: PlanOptions = { ...first, seed: first.seed + done };
    const result = await runOne(options, keepTrace, ports);
    totals.opsChecked += result.operationsChecked;
    totals.virtualMs += result.virtualMs;
    totals.digest = Bun.hash.xxHash3(result.digest, totals.digest);
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    ports.onRun(options, result, done + 1);
    if (result.violations.length === 0) continue;
    const failure = await failureOf(options, result, ports);
    failed.push(failure);
    ports.onFailure(failure);
  }
  const elapsedMs = clock.monotonicMs() - startedMs;
  return {
    seeds: done,
    violations: failed.length,
    opsChecked: totals.opsChecked,
    faults: Object.fromEntries([...faults].sort(([a], [b]) => a.localeCompare(b))),
    virtualSec: Math.round(totals.virtualMs / 1_000),
    elapsedMs: Math.round(elapsedMs),
    runsPerMinute: Math.round((done * 60_000) / Math.max(1, elapsedMs)),
    runsPerCpuMinute: Math.round((done * 60_000) / Math.max(1, ports.cpuMs() - startedCpuMs)),
    failed: failed.map(({ seed, recipe, violations, replay }) => ({ seed, recipe, violations, replay })),
    digest: totals.digest.toString(16).padStart(16, "0"),
  };
}

/** One run, and what it left behind. */
export async function runOne(options: PlanOptions, keepTrace: boolean, ports: SweepPorts): Promise<RunResult> {
  await warmUpChecksums(CHECKSUMS);
  const result = simulate(planOf(options), keepTrace);
  await ports.pause();
  const strays = ports.strays().map((error): Violation => ({ of: "bug", what: `nobody caught ${wordsOf(error)}` }));
  return strays.length === 0 ? result : { ...result, violations: [...result.violations, ...strays] };
}

async function failureOf(options: PlanOptions, result: RunResult, ports: SweepPorts): Promise<Failure> {
  const { options: smallest } = await shrink(options, result, (plan) => runOne(plan.options, false, ports));
  const { violations: shortest, trace } = await runOne(smallest, true, ports);
  const { violations } = result;
  return { seed: options.seed, recipe: options.recipe ?? "swarm", violations, shortest, trace, replay: replayCommand(smallest) };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
