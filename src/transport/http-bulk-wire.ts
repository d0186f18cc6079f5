/** What both ends of the bulk plane agree on: paths, headers, ranges, and errors as JSON. */
import { type Details, ERRORS, type ErrorCode, QdfsError } from "../base/errors.ts";
import type { ChunkId, Receipt } from "../ports.ts";
import { errorOf, failureOf } from "../wire/failure.ts";

/** The path of the file that a chunk belongs to, percent-encoded. */
export const OWNER_HEADER = "x-qdfs-owner";
/** `xxh3:` and 16 hex digits over the whole chunk. */
export const CHECKSUM_HEADER = "x-qdfs-checksum";

const CHUNK_PATH = /^\/chunks\/([0-9a-f]{16}-(?:0|[1-9]\d{0,8}))(\/report)?$/;

/** The chunk that a URL's path names, and whether it is its report; undefined: the path is of another form. */
export function parseChunkPath(pathname: string): { chunk: ChunkId; report: boolean } | undefined {
  const match = CHUNK_PATH.exec(pathname);
  return match?.[1] === undefined ? undefined : { chunk: match[1], report: match[2] !== undefined };
}

export function chunkTarget(chunk: ChunkId): string {
  return `/chunks/${chunk}`;
}

export function chunkUrl(http: string, chunk: ChunkId): string {
  return `http://${http}${chunkTarget(chunk)}`;
}

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/**
 * The bytes that a Range header asks for, cut to what there is. Undefined: the whole (no header, or a form that a server may
 * ignore, RFC 9110 section 14.2). "unsatisfiable": nothing of what it asks for exists.
 */
export function parseRange(header: string | null, sizeBytes: number): ByteRange | "unsatisfiable" | undefined {
  const match = header === null ? null : /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header);
  const [from, to] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (from === "" && to === "") return undefined;
  const last = sizeBytes - 1;
  if (from === "") {
    const wanted = Math.min(Number(to), sizeBytes);
    return wanted === 0 ? "unsatisfiable" : { start: sizeBytes - wanted, end: last };
  }
  const start = Number(from);
  if (to !== "" && Number(to) < start) return undefined;
  if (start > last) return "unsatisfiable";
  return { start, end: to === "" ? last : Math.min(Number(to), last) };
}

/** The HTTP status that goes best with each canonical gRPC status. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 412,
  10: 409,
  14: 503,
  15: 422,
};
const HTTP_BUG = 500;
const HTTP_INSUFFICIENT_STORAGE = 507;

function httpStatusOf(code: ErrorCode): number {
  return code === "STORAGE_FULL" ? HTTP_INSUFFICIENT_STORAGE : (HTTP_STATUS[ERRORS[code].grpc] ?? HTTP_BUG);
}

export function errorResponse(error: QdfsError): Response {
  const { code, message } = failureOf(error);
  return Response.json({ code, message, details: error.details }, { status: httpStatusOf(error.code) });
}

/** What a server told with a status that is no success. */
export function errorIn(status: number, text: string): QdfsError {
  const told = parseError(text);
  if (told !== undefined) return told;
  if (status === 413) return new QdfsError("BAD_REQUEST", "the chunk is too large");
  return new QdfsError("NODE_SILENT", `HTTP status ${status}`);
}

/** Undefined: it is no receipt. */
export function parseReceipt(parsed: unknown): Receipt | undefined {
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { chunk, diskId, sizeBytes, checksum } = parsed as Partial<Record<keyof Receipt, unknown>>;
  if (typeof chunk !== "string" || typeof diskId !== "string" || typeof checksum !== "string") return undefined;
  return typeof sizeBytes === "number" ? { chunk, diskId, sizeBytes, checksum } : undefined;
}

function parseError(text: string): QdfsError | undefined {
  try {
    const parsed: { code?: unknown; message?: unknown; details?: Details } = JSON.parse(text);
    if (typeof parsed.code !== "string" || typeof parsed.message !== "string") return undefined;
    const details = JSON.stringify(parsed.details ?? {});
    return errorOf({ code: parsed.code, message: parsed.message, details });
  } catch {
    return undefined;
  }
}
