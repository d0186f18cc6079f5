/** One operation as it ended, for the trace that a person reads and the history that a checker judges. */
import type { ErrorCode } from "../base/errors.ts";
import type { RecordedListing, RecordedOperation } from "../check/history.ts";
import type { Kind } from "./mix.ts";

export interface Operation {
  /** 1 … clients. */
  readonly client: number;
  readonly kind: Kind;
  /** Null: a listing. */
  readonly path: string | null;
  /** Who coordinated the put, sent the bytes, or was asked about (a listing of one node). */
  readonly node: string | null;
  readonly version: number | null;
  readonly valueId: string | null;
  /** Nanoseconds since the run's beginning; the call began at or after this moment. */
  readonly callNs: number;
  readonly returnNs: number;
  readonly outcome: RecordedOperation["outcome"];
  readonly code: ErrorCode | null;
  /** Files found by a listing. */
  readonly files: number | null;
}

export interface Observer {
  operation(operation: Operation): void;
  /** A listing of all files: what it showed of the run's own. Left out: nobody looks, and it need not be put together. */
  listing?(listing: RecordedListing): void;
}

/** As a checker takes it; undefined: a listing, which is no operation on a file. */
export function recordOf(operation: Operation): RecordedOperation | undefined {
  const { client, kind, path, version, valueId, callNs, outcome } = operation;
  if (kind === "ls" || path === null) return undefined;
  // An operation of unknown outcome may take effect at any later time: it stays open.
  const returnNs = outcome === "unknown" ? null : operation.returnNs;
  return { client, kind, path, version, valueId, callNs, returnNs, outcome };
}

/** A line of the trace: operation, file, node, version, result. */
export function traceLine(operation: Operation): string {
  const { client, kind, path, node, version, code, files } = operation;
  const subject = path ?? (node === null ? "all files" : "files of");
  const shown = files === null ? (version === null ? "-" : `v${version}`) : `${files} files`;
  const tookMs = ((operation.returnNs - operation.callNs) / 1e6).toFixed(2);
  return `client ${client}  ${kind.padEnd(3)}  ${subject}  ${node ?? "-"}  ${shown}  ${code ?? "ok"}  ${tookMs} ms`;
}
