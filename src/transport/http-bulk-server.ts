/**
 * The HTTP listener of a server: chunk bytes as PUT, GET (with Range) and HEAD of /chunks/<id>, reports of bad copies, and for
 * people and monitors /healthz and /metrics. A SuperNode, which has no chunks, serves the last two alone.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { parseFilePath } from "../base/path.ts";
import { BODIES_WHOLE_BYTES_MAX, CHUNK_BYTES_MAX, DRAIN_MS, HTTP_IDLE_MS } from "../limits.ts";
import type { BulkHandler, ChunkId } from "../ports.ts";
import { CHECKSUM_HEADER, errorResponse, OWNER_HEADER, parseChunkPath, parseRange } from "./http-bulk-wire.ts";

export interface BulkServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly handler: BulkHandler | Pick<BulkHandler, "metrics">;
}

export interface BulkServer {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Takes nothing new and resolves when what is under way has ended, after DRAIN_MS at most. */
  drain(): Promise<void>;
  /** Closes at once. */
  stop(): void;
}

const CHECKSUM = /^xxh3:[0-9a-f]{16}$/;

/** @throws QdfsError ADDRESS_IN_USE, BAD_USAGE (no such host here, or not allowed) */
export function startBulkServer({ host, port, handler }: BulkServerOptions): BulkServer {
  const server = listen(host, port, handler);
  const at = host.includes(":") ? `[${host}]` : host;
  return {
    address: `${at}:${server.port}`,
    drain: async () => {
      const limit = setTimeout(() => void server.stop(true), DRAIN_MS);
      await server.stop();
      clearTimeout(limit);
    },
    stop: () => void server.stop(true),
  };
}

function listen(host: string, port: number, handler: BulkServerOptions["handler"]): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      maxRequestBodySize: CHUNK_BYTES_MAX,
      idleTimeout: HTTP_IDLE_MS / 1000,
      fetch: (request) => respond(request, handler).catch(failed),
    });
  } catch (error) {
    const inUse = messageOf(error).includes("in use");
    if (inUse) throw new QdfsError("ADDRESS_IN_USE", `port ${port} is in use`, { host, port });
    throw new QdfsError("BAD_USAGE", `cannot listen at ${host}:${port}: ${messageOf(error)}`, { host, port });
  }
}

function failed(error: unknown): Response {
  if (error instanceof QdfsError) return errorResponse(error);
  // Bun would answer 500 and go on: a bug of ours stops the process instead.
  queueMicrotask(() => {
    throw error;
  });
  return errorResponse(new QdfsError("BUG", messageOf(error)));
}

async function respond(request: Request, handler: BulkServerOptions["handler"]): Promise<Response> {
  const pathname = pathIn(request.url);
  const reading = request.method === "GET" || request.method === "HEAD";
  if (pathname === "/healthz" && reading) return new Response("ok\n");
  if (pathname === "/metrics" && reading) return new Response(handler.metrics());
  const named = "putChunk" in handler ? parseChunkPath(pathname) : undefined;
  if (named === undefined || !("putChunk" in handler))
    throw new QdfsError("NOT_FOUND", `nothing is at ${request.method} ${pathname}`);
  if (named.report && request.method === "POST") return await report(named.chunk, handler);
  if (!named.report && request.method === "PUT") return await put(named.chunk, request, handler);
  if (!named.report && reading) return await get(named.chunk, request, handler);
  throw new QdfsError("BAD_REQUEST", `${request.method} is not for ${pathname}`);
}

/** Where the Host header is none, the URL that Bun makes of it is none either. @throws QdfsError BAD_REQUEST */
function pathIn(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) throw new QdfsError("BAD_REQUEST", "the request's address is malformed: look at its Host header");
  return parsed.pathname;
}

async function report(chunk: ChunkId, handler: BulkHandler): Promise<Response> {
  await handler.reportChunk(chunk);
  return Response.json({});
}

async function put(chunk: ChunkId, request: Request, handler: BulkHandler): Promise<Response> {
  const checksum = request.headers.get(CHECKSUM_HEADER) ?? "";
  if (!CHECKSUM.test(checksum)) throw new QdfsError("BAD_REQUEST", `the header ${CHECKSUM_HEADER} is missing or malformed`);
  const owner = ownerIn(request.headers.get(OWNER_HEADER) ?? "");
  return Response.json(await handler.putChunk(chunk, owner, received(request), checksum));
}

/** @throws QdfsError BAD_REQUEST, BAD_PATH */
function ownerIn(header: string): Path {
  let text: string;
  try {
    text = decodeURIComponent(header);
  } catch {
    throw new QdfsError("BAD_REQUEST", `the header ${OWNER_HEADER} is malformed`);
  }
  return parseFilePath(text);
}

/** Bytes of bodies that are being taken whole, right now. */
let takenWholeBytes = 0;

/**
 * The request's body: in one piece, which costs a quarter of the processor time of a stream of small ones, as long as there is room
 * for it. A sender that breaks off, or sends too much, is an operating failure and no bug.
 */
async function* received(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const sizeBytes = Number(request.headers.get("content-length") ?? Number.POSITIVE_INFINITY);
  const whole = takenWholeBytes + sizeBytes <= BODIES_WHOLE_BYTES_MAX;
  if (whole) takenWholeBytes += sizeBytes;
  try {
    if (whole) yield await request.bytes();
    else yield* piecesOf(request.body);
  } catch (error) {
    throw codeOf(error) ? error : new QdfsError("BAD_REQUEST", `the sender broke off: ${messageOf(error)}`);
  } finally {
    if (whole) takenWholeBytes -= sizeBytes;
  }
}

async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function get(chunk: ChunkId, request: Request, handler: BulkHandler): Promise<Response> {
  const opened = await handler.openChunk(chunk);
  if (opened === undefined) throw new QdfsError("NOT_FOUND", `no chunk ${chunk} here`);
  const { blob, checksum, sizeBytes } = opened;
  const headers = { [CHECKSUM_HEADER]: checksum, "accept-ranges": "bytes", "content-type": "application/octet-stream" };
  const range = parseRange(request.headers.get("range"), sizeBytes);
  if (range === "unsatisfiable") {
    const bounds = { "content-range": `bytes */${sizeBytes}` };
    return Response.json({ code: "BAD_REQUEST", message: `the chunk has ${sizeBytes} bytes` }, { status: 416, headers: bounds });
  }
  if (range === undefined) return new Response(blob, { headers });
  const { start, end } = range;
  const partial = { ...headers, "content-range": `bytes ${start}-${end}/${sizeBytes}` };
  return new Response(blob.slice(start, end + 1), { status: 206, headers: partial });
}
