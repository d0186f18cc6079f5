/** Says in a sentence what a violation's operations contradict each other about. */
import type { RecordedOperation } from "./history.ts";
import { foundNothing, roleOf } from "./model.ts";

/** `core`: as smallestCore found it. `all`: every operation on the file, failed ones included. */
export function contradictionOf(core: readonly RecordedOperation[], all: readonly RecordedOperation[]): string {
  const [first, second] = core;
  if (first === undefined) return "no order of the operations explains their answers";
  if (second === undefined) return ofOne(first, all);
  const told = core.length === 2 ? ofTwo(first, second) : undefined;
  return told ?? `no order of these ${core.length} operations explains all their answers`;
}

function ofOne(operation: RecordedOperation, all: readonly RecordedOperation[]): string {
  const { kind, valueId, version } = operation;
  if (kind === "get" && valueId !== null) {
    const writer = all.find((other) => other.kind === "put" && other.valueId === valueId);
    if (writer === undefined) return `${name(operation)} returned a value that no put wrote`;
    if (writer.outcome === "fail") return `${name(operation)} returned the value of a put that had definitely failed`;
  }
  const changes = all.filter((other) => roleOf(other) === "change" || roleOf(other) === "open").length;
  if (version !== null && version > changes) {
    return `${name(operation)} answered version ${version}, but there were no more than ${changes} changes`;
  }
  return `${name(operation)} cannot have been answered so, whatever else happened`;
}

/** Undefined: nothing short can be said. */
function ofTwo(a: RecordedOperation, b: RecordedOperation): string | undefined {
  const [earlier, later] = b.returnNs !== null && b.returnNs < a.callNs ? [b, a] : [a, b];
  const apart = earlier.returnNs !== null && earlier.returnNs < later.callNs;
  return (apart ? ofEarlierAndLater(earlier, later) : undefined) ?? ofOneVersion(a, b);
}

function ofEarlierAndLater(earlier: RecordedOperation, later: RecordedOperation): string | undefined {
  if (foundNothing(later)) return `${name(later)} found nothing after ${name(earlier)} had returned`;
  if (later.refusal !== undefined) return `${name(later)} was refused (${later.refusal}) after ${name(earlier)} had returned`;
  const isMaker = earlier.kind === "get" && later.kind !== "get";
  if (isMaker && (earlier.version === later.version || (earlier.valueId !== null && earlier.valueId === later.valueId))) {
    return `${name(earlier)} returned what ${name(later)} made before that was called`;
  }
  if (earlier.version === null || later.version === null || later.version >= earlier.version) return undefined;
  const what = later.kind === "get" ? "a stale read: it returned" : "versions go back: it made";
  return `${what} version ${later.version} after ${name(earlier)} had returned with version ${earlier.version}`;
}

function ofOneVersion(a: RecordedOperation, b: RecordedOperation): string | undefined {
  if (a.version === null || a.version !== b.version || a.outcome !== "ok" || b.outcome !== "ok") return undefined;
  if (a.kind !== "get" && b.kind !== "get") return `both answered that they made version ${a.version}`;
  return `version ${a.version} is not the same to both`;
}

function name({ kind, client, of }: RecordedOperation): string {
  return `client ${client}'s ${kind}${of === undefined ? "" : ` of version ${of}`}`;
}
