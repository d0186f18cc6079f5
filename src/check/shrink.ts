/**
 * The smallest part of a file's operations that contradicts itself. Leaving an operation out must never make a contradiction:
 * an observation is dropped, but a change that is left out may still have happened, at any time (it made a version, others may
 * have read it); what is forgotten is when it was called, when it returned and what it answered. So the fewer are kept the
 * weaker the history, and what is found is a contradiction whatever the others did.
 */
import { CHECK_SHRINK_STEPS_MAX } from "../limits.ts";
import { type SearchOptions, searchOrder } from "./file-search.ts";
import type { RecordedOperation } from "./history.ts";
import { roleOf } from "./model.ts";

/**
 * A part from which no single operation can be left out, in order of call. Of several, one that was complete early. `operations`
 * must have no order. Where the search has to give up an operation stays.
 */
export function smallestCore(operations: readonly RecordedOperation[], search: SearchOptions): readonly RecordedOperation[] {
  const told = operations.filter((operation) => roleOf(operation) !== "nothing").toSorted(byReturn);
  const options = { ...search, stepsMax: CHECK_SHRINK_STEPS_MAX };
  const contradicts = (kept: ReadonlySet<RecordedOperation>) => searchOrder(weakened(told, kept), options).found === "no order";
  // The shortest beginning of the candidates that, with the core so far, contradicts itself: its last operation is needed. (Junker's QuickXplain.)
  const core = new Set<RecordedOperation>();
  let candidates: readonly RecordedOperation[] = told;
  while (candidates.length > 0 && !contradicts(core)) {
    let [enough, tooFew] = [candidates.length, 0];
    while (enough - tooFew > 1) {
      const middle = (enough + tooFew) >> 1;
      if (contradicts(new Set([...core, ...candidates.slice(0, middle)]))) enough = middle;
      else tooFew = middle;
    }
    const needed = candidates[enough - 1];
    if (needed !== undefined) core.add(needed);
    candidates = candidates.slice(0, enough - 1);
    if (core.size === 1) candidates = candidates.toReversed(); // the first contradiction is found: now what lies near it
  }
  return operations.filter((operation) => core.has(operation)).sort((a, b) => a.callNs - b.callNs);
}

function weakened(operations: readonly RecordedOperation[], kept: ReadonlySet<RecordedOperation>): RecordedOperation[] {
  return operations.flatMap((operation) => {
    if (kept.has(operation)) return [operation];
    if (roleOf(operation) === "observation") return [];
    const { precondition: _, ...unconditional } = operation;
    return [{ ...unconditional, version: null, callNs: -Number.MAX_VALUE, returnNs: null, outcome: "unknown" }];
  });
}

function byReturn(a: RecordedOperation, b: RecordedOperation): number {
  return (a.returnNs ?? Number.MAX_VALUE) - (b.returnNs ?? Number.MAX_VALUE);
}
