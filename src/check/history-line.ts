/** A recorded operation or listing as a line of JSON, and back. */
import { QdfsError } from "../base/errors.ts";
import type { RecordedListing, RecordedOperation } from "./history.ts";

const KINDS: readonly unknown[] = ["put", "get", "rm", "restore", "ls"];
const OUTCOMES: readonly unknown[] = ["ok", "fail", "unknown"];

export function historyLineOf(recorded: RecordedOperation | RecordedListing): string {
  return JSON.stringify(recorded);
}

/** @throws QdfsError BAD_USAGE: it is no such line */
export function parseHistoryLine(line: string): RecordedOperation | RecordedListing {
  const value = parsed(line);
  if (typeof value === "object" && value !== null && isRecorded(value as Record<string, unknown>)) {
    return value as RecordedOperation | RecordedListing;
  }
  throw new QdfsError("BAD_USAGE", `no line of a history: ${line.slice(0, 120)}`);
}

function isRecorded({ client, kind, path, callNs, ...rest }: Record<string, unknown>): boolean {
  const { version, valueId, returnNs, outcome, entries } = rest;
  if (typeof client !== "number" || !KINDS.includes(kind) || typeof path !== "string" || typeof callNs !== "number") return false;
  if (kind === "ls") return typeof returnNs === "number" && Array.isArray(entries);
  return (
    OUTCOMES.includes(outcome) &&
    (typeof version === "number" || version === null) &&
    (typeof valueId === "string" || valueId === null) &&
    (outcome === "unknown" ? returnNs === null : typeof returnNs === "number")
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
