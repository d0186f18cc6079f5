/**
 * Property-based tests of whatever reads what others wrote. By default the seeds are fixed, so the suite does the same every time.
 * `QDFS_LONG=1 bun test test/fuzz` runs LONG_FACTOR times as many cases, with other seeds each time; a failure prints its seed and the
 * one command that replays it.
 */
import { expect, test } from "bun:test";
import { relative, resolve } from "node:path";
import fc from "fast-check";
import { codeOf, type ErrorCode } from "../../src/base/errors.ts";

const LONG_FACTOR = 50;
const LONG = process.env.QDFS_LONG === "1";
/** One case takes longer than this: it hangs, or an input is worth an attack. */
const CASE_MS_MAX = 5_000;

export interface FuzzOptions {
  /** Cases in the default suite. */
  readonly runs?: number;
}

const numberIn = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/**
 * Registers properties of one test file. `check` throws what speaks against the property for that value.
 */
export function fuzzing(file: string) {
  return <T>(name: string, values: fc.Arbitrary<T>, check: (value: T) => unknown, { runs = 300 }: FuzzOptions = {}): void => {
    test(name, async () => {
      const seed = numberIn(process.env.QDFS_FUZZ_SEED) ?? (LONG ? (Date.now() ^ process.pid) | 0 : Bun.hash.xxHash32(name) | 0);
      const path = process.env.QDFS_FUZZ_PATH;
      const property = fc.asyncProperty(values, async (value) => {
        const startedMs = performance.now();
        await check(value);
        const tookMs = performance.now() - startedMs;
        if (tookMs > CASE_MS_MAX) throw new Error(`one case took ${Math.round(tookMs)} ms`);
      });
      const numRuns = LONG ? runs * LONG_FACTOR : runs;
      const details = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
      if (!details.failed) return;
      const { seed: failed, counterexamplePath, errorInstance } = details;
      const report = fc.defaultReportMessage(details);
      throw new Error(`${report}\n\n${errorInstance}\n\nreplay: ${replay(file, name, failed, counterexamplePath)}`);
    }, 3_600_000);
  };
}

function replay(file: string, name: string, seed: number, counterexample: string | null): string {
  const long = LONG ? "QDFS_LONG=1 " : "";
  const path = counterexample === null ? "" : `QDFS_FUZZ_PATH=${counterexample} `;
  const where = relative(resolve(import.meta.dir, "../.."), file);
  return `${long}QDFS_FUZZ_SEED=${seed} ${path}bun test ${where} -t ${JSON.stringify(name.replace(/[()[\]{}.*+?^$|\\]/g, "."))}`;
}

export type Outcome<T> = { readonly value: T } | { readonly code: ErrorCode };

/** The value, or the code of the failure. Anything else that is thrown is a bug, and goes on. */
export function outcomeOf<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return { code };
  }
}

/** As outcomeOf, later. */
export async function outcomeOfPromise<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return { code };
  }
}

/** The value, if there is one; else the code must be one of those. */
export function valueOr<T>(outcome: Outcome<T>, ...codes: readonly ErrorCode[]): T | undefined {
  if ("value" in outcome) return outcome.value;
  expect(codes).toContain(outcome.code);
  return undefined;
}
