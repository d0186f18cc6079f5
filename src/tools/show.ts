/**
 * A show: a cluster of real processes that is led through scenes by a script. The first expectation that does not hold ends it with
 * exit 1, and so do a signal and a show that takes too long. Whatever happens, every process is ended and every file removed.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../base/errors.ts";
import { LocalCluster, type LocalClusterOptions } from "./local-cluster.ts";
import type { Narrator } from "./narrator.ts";

export const REPOSITORY = resolve(import.meta.dir, "../..");
const BINARY = process.env.QDFS_BIN ?? join(REPOSITORY, "dist/qdfs");

export interface Show {
  readonly narrator: Narrator;
  /** Past that something hangs, and saying so beats waiting. */
  readonly longestMs: number;
  readonly cluster?: Omit<LocalClusterOptions, "binary">;
  readonly scenes: readonly ((cluster: LocalCluster) => Promise<void> | void)[];
}

/** Plays it to its end, and sets the exit code. */
export async function play(show: Show): Promise<void> {
  const { narrator } = show;
  try {
    await perform(show);
    process.stdout.write(`\nDone in ${narrator.elapsed()}: every expectation held, every process ended, every file removed.\n`);
  } catch (error) {
    process.stderr.write(`\nFAILED: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

async function perform({ narrator, longestMs, cluster: options = {}, scenes }: Show): Promise<void> {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`npm run build\` first`);
  narrator.step("A cluster: one SuperNode, three DataNodes, each a process of its own");
  const cluster = await LocalCluster.start({ ...options, binary: BINARY });
  const late = setTimeout(() => void abandon(cluster, `not done after ${longestMs / 1000} s`), longestMs);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void abandon(cluster, signal));
  try {
    for (const scene of scenes) await scene(cluster);
  } finally {
    clearTimeout(late);
    await cluster.stop();
  }
}

async function abandon(cluster: LocalCluster, why: string): Promise<never> {
  process.stderr.write(`\nended: ${why}\n`);
  await cluster.stop();
  process.exit(1);
}

export async function timed<Result>(work: () => Promise<Result>): Promise<{ readonly result: Result; readonly tookMs: number }> {
  const beganMs = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - beganMs };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
