/**
 * One file as users are promised it: a versioned register that does one operation at a time. Nothing here knows how qdfs keeps
 * the promise; `register/head.ts` is the code that is judged by it.
 */
import { unreachable } from "../base/errors.ts";
import type { RecordedOperation } from "./history.ts";

export interface FileState {
  /** Dense: each change makes the next one, a removal included. 0: never written, or erased since. */
  readonly version: number;
  readonly live: boolean;
  /** Null: not live, or not known. */
  readonly valueId: string | null;
  /** What the last change was made to. */
  readonly before: FileState | null;
}

export const NEVER_WRITTEN: FileState = { version: 0, live: false, valueId: null, before: null };

/**
 * What an operation is to the search. `change`: it took effect once. `open`: it may have, once. `observation`: it left the file
 * as it was and told something about it. `nothing`: it neither did nor told anything that counts.
 */
export type Role = "change" | "open" | "observation" | "nothing";

export function roleOf(operation: RecordedOperation): Role {
  const { kind, outcome, guarantee, refusal } = operation;
  if (kind === "get") return outcome === "ok" && guarantee !== "eventual" ? "observation" : "nothing";
  switch (outcome) {
    case "unknown":
      return "open";
    case "ok":
      return guarantee === "early-ack" ? "open" : "change"; // an early answer's version is provisional (P9)
    case "fail":
      return refusal === undefined ? "nothing" : "observation";
    default:
      return unreachable(outcome);
  }
}

/** The file after a change to `state`; undefined: it could not have been done to it. What it answered is not looked at. */
export function changed(state: FileState, operation: RecordedOperation): FileState | undefined {
  if (!conditionHolds(state, operation)) return undefined;
  const version = state.version + 1;
  switch (operation.kind) {
    case "put":
      return { version, live: true, valueId: operation.valueId, before: state };
    case "rm":
      return state.live ? { version, live: false, valueId: null, before: state } : undefined;
    case "restore": {
      const source = versionOf(state, operation.of ?? 0);
      return source?.live === true ? { version, live: true, valueId: source.valueId, before: state } : undefined;
    }
    case "get":
      return undefined;
    default:
      return unreachable(operation.kind);
  }
}

/** True if a change that led to `after` may have answered what it answered. */
export function answers(after: FileState, { kind, version, valueId }: RecordedOperation): boolean {
  return sameVersion(after, version) && (kind === "put" || sameValue(after.valueId, valueId));
}

/** True if the operation, an observation, would have answered what it answered. `keptVersions`: see CheckOptions. */
export function agrees(state: FileState, operation: RecordedOperation, keptVersions: number): boolean {
  if (operation.kind === "get") return readAgrees(state, operation, keptVersions);
  const { refusal, precondition, version } = operation;
  switch (refusal) {
    case "exists":
      return state.live && precondition !== undefined && "absent" in precondition && sameVersion(state, version);
    case "version-differs":
      return !conditionHolds(state, operation) && !(precondition && "absent" in precondition) && sameVersion(state, version);
    case "not-found":
      if (!conditionHolds(state, operation)) return false;
      return operation.kind === "restore" ? mayBeMissing(state, operation.of ?? 0, keptVersions) : !state.live;
    case undefined:
      return false;
    default:
      return unreachable(refusal);
  }
}

/** The state that had this version; undefined: never made, or erased. */
export function versionOf(state: FileState, version: number): FileState | undefined {
  let found: FileState | null = state;
  while (found !== null && found.version > version) found = found.before;
  return found !== null && found.version === version && version > 0 ? found : undefined;
}

/** Contents that are not known agree with any. */
function sameValue(a: string | null, b: string | null): boolean {
  return a === null || b === null || a === b;
}

/** A get that found nothing, a refusal included, names no version. */
export function foundNothing({ kind, version, valueId }: RecordedOperation): boolean {
  return kind === "get" && version === null && valueId === null;
}

function readAgrees(state: FileState, operation: RecordedOperation, keptVersions: number): boolean {
  const { of, version, valueId } = operation;
  if (foundNothing(operation)) return of === undefined ? !state.live : mayBeMissing(state, of, keptVersions);
  const read = of === undefined ? state : versionOf(state, of);
  return read?.live === true && sameVersion(read, version) && sameValue(read.valueId, valueId);
}

/** Whether a read of that version may find nothing: it was not made, it is a removal, or it is older than what is surely kept. */
function mayBeMissing(state: FileState, version: number, keptVersions: number): boolean {
  const source = versionOf(state, version);
  return source?.live !== true || state.version - version > keptVersions;
}

function conditionHolds(state: FileState, { precondition }: RecordedOperation): boolean {
  if (precondition === undefined) return true;
  return "absent" in precondition ? !state.live : state.version === precondition.version;
}

/** Null: not told. */
function sameVersion(state: FileState, version: number | null): boolean {
  return version === null || state.version === version;
}
