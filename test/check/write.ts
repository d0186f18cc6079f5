/** Short words for histories in tests: who did what from when to when, and what was answered. */
import type { RecordedListing, RecordedOperation } from "../../src/check/history.ts";

type More = Partial<RecordedOperation>;

const PATH = "/d/f";
const nothing = { client: 1, path: PATH, version: null, valueId: null, outcome: "ok" } as const;

/** Acknowledged. */
export function put(
  callNs: number,
  returnNs: number,
  version: number | null,
  valueId: string,
  more: More = {},
): RecordedOperation {
  return { ...nothing, kind: "put", callNs, returnNs, version, valueId, ...more };
}

export function failedPut(callNs: number, returnNs: number, valueId: string, more: More = {}): RecordedOperation {
  return { ...nothing, kind: "put", callNs, returnNs, valueId, outcome: "fail", ...more };
}

export function unknownPut(callNs: number, valueId: string, more: More = {}): RecordedOperation {
  return { ...nothing, kind: "put", callNs, returnNs: null, valueId, outcome: "unknown", ...more };
}

export function get(
  callNs: number,
  returnNs: number,
  version: number | null,
  valueId: string | null,
  more: More = {},
): RecordedOperation {
  return { ...nothing, kind: "get", callNs, returnNs, version, valueId, ...more };
}

export function rm(callNs: number, returnNs: number, version: number | null, more: More = {}): RecordedOperation {
  return { ...nothing, kind: "rm", callNs, returnNs, version, ...more };
}

export function unknownRm(callNs: number): RecordedOperation {
  return { ...nothing, kind: "rm", callNs, returnNs: null, outcome: "unknown" };
}

export function restore(callNs: number, returnNs: number, version: number | null, of: number): RecordedOperation {
  return { ...nothing, kind: "restore", callNs, returnNs, version, of };
}

/** Of the directory that the file is in; it shows the file at these versions. */
export function ls(
  callNs: number,
  returnNs: number,
  versions: readonly number[],
  more: Partial<RecordedListing> = {},
): RecordedListing {
  return {
    client: 9,
    kind: "ls",
    path: "/d",
    callNs,
    returnNs,
    entries: versions.map((version) => ({ path: PATH, version })),
    ...more,
  };
}
