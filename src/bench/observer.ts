/** One operation as it ended, for the trace that a person reads and the history that a checker judges (CLI.md). */
import type { ErrorCode } from "../base/errors.ts";
import type { Kind } from "./mix.ts";

export interface Operation {
  /** 1 … clients. */
  readonly client: number;
  readonly kind: Kind | "rm";
  /** Null: a listing. */
  readonly path: string | null;
  /** Who coordinated the put, sent the bytes, or was asked about (a listing of one node). */
  readonly node: string | null;
  readonly version: number | null;
  readonly valueId: string | null;
  /** Nanoseconds since the run's beginning; the call began at or after this moment. */
  readonly callNs: number;
  readonly returnNs: number;
  readonly outcome: "ok" | "fail" | "unknown";
  readonly code: ErrorCode | null;
  /** Files found by a listing. */
  readonly files: number | null;
}

export interface Observer {
  operation(operation: Operation): void;
}

/** A line of the history; undefined: a listing, which is no operation on a file. */
export function historyLine(operation: Operation): string | undefined {
  const { client, kind, path, version, valueId, callNs, outcome } = operation;
  if (kind === "ls" || path === null) return undefined;
  // An operation of unknown outcome may take effect at any later time: it stays open.
  const returnNs = outcome === "unknown" ? null : operation.returnNs;
  return JSON.stringify({ client, kind, path, version, valueId, callNs, returnNs, outcome });
}

/** A line of the trace: operation, file, node, version, result. */
export function traceLine(operation: Operation): string {
  const { client, kind, path, node, version, code, files } = operation;
  const subject = path ?? (node === null ? "all files" : "files of");
  const shown = files === null ? (version === null ? "-" : `v${version}`) : `${files} files`;
  const tookMs = ((operation.returnNs - operation.callNs) / 1e6).toFixed(2);
  return `client ${client}  ${kind.padEnd(3)}  ${subject}  ${node ?? "-"}  ${shown}  ${code ?? "ok"}  ${tookMs} ms`;
}
