/** Says in a sentence what a violation's operations contradict each other about. */
import type { RecordedOperation } from "./history.ts";
import { foundNothing } from "./model.ts";

/** `core`: as smallestCore found it. `all`: every operation on the file, failed ones included. */
export function contradictionOf(core: readonly RecordedOperation[], all: readonly RecordedOperation[]): string {
  const [first, second] = core;
  if (first === undefined) return "no order of the operations explains their answers";
  if (second === undefined) return ofOne(first, all);
  if (core.length === 2) return ofTwo(first, second);
  return `no order of these ${core.length} operations explains all their answers`;
}

/** One line: who did what when, and what came of it. Times in ms since the history's beginning. */
export function lineOf(operation: RecordedOperation): string {
  const { client, callNs, returnNs } = operation;
  const until = returnNs === null ? "…" : ms(returnNs);
  return `${ms(callNs)} … ${until} ms  client ${client}  ${wordsOf(operation)}`.replace("… …", "…");
}

function ofOne(operation: RecordedOperation, all: readonly RecordedOperation[]): string {
  const { kind, valueId } = operation;
  if (kind === "get" && valueId !== null) {
    const writer = all.find((other) => other.kind === "put" && other.valueId === valueId);
    if (writer === undefined) return `${name(operation)} returned a value that no put wrote`;
    if (writer.outcome === "fail") return `${name(operation)} returned the value of a put that had definitely failed`;
    if (operation.returnNs !== null && operation.returnNs < writer.callNs) {
      return `${name(operation)} returned a value before the put that wrote it was called`;
    }
  }
  return `${name(operation)} cannot have been answered so, whatever else happened`;
}

function ofTwo(a: RecordedOperation, b: RecordedOperation): string {
  if (a.version !== null && a.version === b.version) {
    if (a.kind !== "get" && b.kind !== "get") return `both answered that they made version ${a.version}`;
    return `version ${a.version} is not the same to both`;
  }
  const [earlier, later] = a.returnNs !== null && a.returnNs < b.callNs ? [a, b] : [b, a];
  const apart = earlier.returnNs !== null && earlier.returnNs < later.callNs;
  if (apart && later.kind === "get" && foundNothing(later))
    return `${name(later)} found nothing after ${name(earlier)} had returned`;
  if (apart && earlier.version !== null && later.version !== null && later.version < earlier.version) {
    const what = later.kind === "get" ? "a stale read: it returned" : "versions go back: it made";
    return `${what} version ${later.version} after ${name(earlier)} had returned with version ${earlier.version}`;
  }
  return "no order of these two operations explains both answers";
}

function name({ kind, client, of }: RecordedOperation): string {
  return `client ${client}'s ${kind}${of === undefined ? "" : ` of version ${of}`}`;
}

function wordsOf(operation: RecordedOperation): string {
  const { kind, path, of, precondition, valueId, guarantee } = operation;
  const parts: string[] = [kind, of === undefined ? path : `${path}@${of}`];
  if (precondition !== undefined) parts.push("absent" in precondition ? "if absent" : `if version ${precondition.version}`);
  if (kind === "put" && valueId !== null) parts.push(`value ${valueId}`);
  parts.push("→", resultOf(operation));
  if (guarantee !== undefined && guarantee !== "linearizable") parts.push(`(${guarantee})`);
  return parts.join(" ");
}

function resultOf(operation: RecordedOperation): string {
  const { kind, version, valueId, outcome, refusal } = operation;
  if (outcome === "unknown") return "outcome unknown";
  if (outcome === "fail")
    return refusal === undefined ? "failed, not done" : `refused: ${refusal}${version === null ? "" : `, version ${version}`}`;
  if (foundNothing(operation)) return "found nothing";
  const told = version === null ? "done" : `version ${version}`;
  return kind === "get" && valueId !== null ? `${told}, value ${valueId}` : told;
}

function ms(ns: number): string {
  return (ns / 1e6).toFixed(3);
}
