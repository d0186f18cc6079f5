/**
 * The smallest part of a file's operations that contradicts itself. Leaving an operation out must never make a contradiction:
 * an observation is dropped, but a change that is left out may still have happened, at any time (it made a version, others may
 * have read it); what is forgotten is when it was called, when it returned and what it answered. So the fewer are kept the
 * weaker the history, and what is found is a contradiction whatever the others did.
 */
import { CHECK_SHRINK_STEPS_MAX, CHECK_SHRINK_TRIES_MAX } from "../tool-limits.ts";
import { type SearchOptions, searchOrder } from "./file-search.ts";
import type { RecordedOperation } from "./history.ts";
import { roleOf } from "./model.ts";

/**
 * A part from which no single operation can be left out, in order of call; of several such the one about the first
 * contradiction in time. `operations` must have no order. Where too much would have to be tried more than that is left.
 */
export function smallestCore(operations: readonly RecordedOperation[], search: SearchOptions): readonly RecordedOperation[] {
  const told = operations.filter((operation) => roleOf(operation) !== "nothing");
  const options = { ...search, stepsMax: CHECK_SHRINK_STEPS_MAX };
  const contradictory = (history: readonly RecordedOperation[]) => searchOrder(history, options).found === "no order";
  const endNs = firstContradictionNs(told, contradictory);
  const nearestFirst = told.toSorted((a, b) => Math.abs(endOf(a) - endNs) - Math.abs(endOf(b) - endNs));
  const core = coreOf(nearestFirst, contradictory);
  return operations.filter((operation) => core.has(operation)).sort((a, b) => a.callNs - b.callNs);
}

type Test = (history: readonly RecordedOperation[]) => boolean;

/** The return with which the history came to have no order. What has one has had one at every earlier moment: halving finds it. */
function firstContradictionNs(told: readonly RecordedOperation[], contradictory: Test): number {
  const ends = told.flatMap(({ returnNs }) => (returnNs === null ? [] : [returnNs])).sort((a, b) => a - b);
  const until = smallest(ends.length, (count) => contradictory(cut(told, ends[count - 1] ?? 0)));
  return ends[until - 1] ?? 0;
}

/** What had happened by then; what was under way might have. */
function cut(told: readonly RecordedOperation[], endNs: number): readonly RecordedOperation[] {
  return told.flatMap((operation) => {
    if (operation.callNs > endNs) return [];
    if (operation.returnNs !== null && operation.returnNs <= endNs) return [operation];
    return roleOf(operation) === "observation" ? [] : [{ ...operation, version: null, returnNs: null, outcome: "unknown" }];
  });
}

/**
 * With the core so far the shortest beginning of the candidates that contradicts itself: its last operation is needed, what
 * comes after it is not (QuickXplain, Junker 2004).
 */
function coreOf(history: readonly RecordedOperation[], contradictory: Test): ReadonlySet<RecordedOperation> {
  let candidates = history;
  const core = new Set<RecordedOperation>();
  const weak = new Map(history.map((operation) => [operation, weakened(operation)]));
  let triesLeft = CHECK_SHRINK_TRIES_MAX;
  const suffices = (count: number) => {
    triesLeft--;
    const kept = new Set([...core, ...candidates.slice(0, count)]);
    return contradictory(history.flatMap((operation) => (kept.has(operation) ? [operation] : (weak.get(operation) ?? []))));
  };
  while (!suffices(0)) {
    // What is needed mostly stands near the beginning: few are tried first.
    let enough = 1;
    while (enough < candidates.length && triesLeft > 0 && !suffices(enough)) enough *= 2;
    if (triesLeft <= 0 || candidates.length === 0) return new Set([...core, ...candidates]);
    const few = enough >> 1;
    const needed = few + smallest(Math.min(enough, candidates.length) - few, (count) => suffices(few + count));
    for (const operation of candidates.slice(needed - 1, needed)) core.add(operation);
    candidates = candidates.slice(0, needed - 1);
  }
  return core;
}

/** The smallest of 1 … count that fulfils what every larger one fulfils; `count` is taken for granted. */
function smallest(count: number, fulfils: (candidate: number) => boolean): number {
  let [enough, tooFew] = [count, 0];
  while (enough - tooFew > 1) {
    const middle = (enough + tooFew) >> 1;
    if (fulfils(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

function weakened(operation: RecordedOperation): RecordedOperation[] {
  if (roleOf(operation) === "observation") return [];
  const { precondition: _, ...unconditional } = operation;
  return [{ ...unconditional, version: null, callNs: -Number.MAX_VALUE, returnNs: null, outcome: "unknown" }];
}

function endOf({ callNs, returnNs }: RecordedOperation): number {
  return returnNs ?? callNs;
}
