/** Chunk bytes over HTTP: the asking end. Connections are kept and shared between calls: by the runtime, and for GETs by HttpGetter. */
import { messageOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, CHUNK_STALL_MS, HTTP_FAILURE_BYTES_MAX } from "../limits.ts";
import type { BulkClient, ChunkId, ChunkRequest, Receipt, Runtime } from "../ports.ts";
import { CHECKSUM_HEADER, chunkTarget, chunkUrl, errorIn, OWNER_HEADER, parseReceipt } from "./http-bulk-wire.ts";
import { HttpGetter } from "./http-get.ts";

/** How long this many bytes may take: a pace below this counts as no progress. */
function spanMs(sizeBytes: number): number {
  return CHUNK_STALL_MS * Math.max(1, Math.ceil(sizeBytes / CHUNK_BYTES_DEFAULT));
}

interface Limits {
  readonly sentBytes: number;
  readonly signal?: AbortSignal;
}

function fresh(sizeBytes: number): Uint8Array {
  return new Uint8Array(sizeBytes);
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

export class HttpBulkClient implements BulkClient {
  readonly #runtime: Runtime;
  readonly #getter = new HttpGetter();
  readonly #underWay = new Set<AbortController>();
  #closed = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async putChunk(
    http: string,
    chunk: ChunkId,
    owner: Path,
    bytes: Uint8Array,
    checksum: string,
    signal?: AbortSignal,
  ): Promise<Receipt> {
    const headers = { [OWNER_HEADER]: encodeURIComponent(owner), [CHECKSUM_HEADER]: checksum };
    const request = { method: "PUT", headers, body: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
    return await this.#exchange(http, chunkUrl(http, chunk), request, { sentBytes: bytes.length, signal }, async (response) => {
      const receipt = parseReceipt(await response.json());
      if (receipt?.chunk === chunk && receipt.checksum === checksum) return receipt;
      throw new QdfsError("CORRUPT", "the receipt is for other bytes", { http, chunk });
    });
  }

  async getChunk(http: string, chunk: ChunkId, { range, signal, room = fresh }: ChunkRequest = {}): Promise<Uint8Array> {
    const headers = range === undefined ? "" : `range: bytes=${range.start}-${range.end}\r\n`;
    return await this.#within(http, { sentBytes: 0, signal }, async (signal, within) => {
      const place = (status: number, sizeBytes: number): Uint8Array => {
        const isChunk = isGood(status);
        if (sizeBytes > (isChunk ? CHUNK_BYTES_MAX : HTTP_FAILURE_BYTES_MAX))
          throw new QdfsError("CORRUPT", `a chunk of ${sizeBytes} bytes`, { http, chunk });
        within(spanMs(sizeBytes));
        return isChunk ? room(sizeBytes) : fresh(sizeBytes);
      };
      const { status, body } = await this.#getter.get(http, chunkTarget(chunk), headers, place, signal);
      if (!isGood(status)) throw errorIn(status, Buffer.from(body).toString());
      return body;
    });
  }

  async reportChunk(http: string, chunk: ChunkId): Promise<void> {
    try {
      await this.#exchange(http, `${chunkUrl(http, chunk)}/report`, { method: "POST" }, { sentBytes: 0 }, async () => {});
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      this.#runtime.log.debug("a bad copy could not be reported", { http, chunk, error });
    }
  }

  close(): void {
    this.#closed = true;
    for (const abort of this.#underWay) abort.abort();
    this.#getter.close();
  }

  /** One request by fetch, and what `take` makes of a good response. */
  async #exchange<T>(
    http: string,
    url: string,
    init: RequestInit,
    limits: Limits,
    take: (response: Response) => Promise<T>,
  ): Promise<T> {
    return await this.#within(http, limits, async (signal) => {
      const response = await fetch(url, { ...init, signal, redirect: "error" });
      if (!response.ok) throw errorIn(response.status, await response.text());
      return await take(response);
    });
  }

  /** What `run` resolves to, if it does in time; it may take another span of time for the rest of it (`within`). */
  async #within<T>(
    http: string,
    { sentBytes, signal }: Limits,
    run: (signal: AbortSignal, within: (ms: number) => void) => Promise<T>,
  ): Promise<T> {
    bypassProxies(http);
    if (this.#closed) throw new QdfsError("NODE_UNREACHABLE", "the client was closed", { http });
    const abort = new AbortController();
    const unwanted = (): void => abort.abort();
    signal?.addEventListener("abort", unwanted);
    if (signal?.aborted) unwanted();
    this.#underWay.add(abort);
    let limitMs = spanMs(sentBytes);
    const timeOut = (): void => abort.abort();
    let cancel = this.#runtime.timers.after(limitMs, timeOut);
    const within = (ms: number): void => {
      cancel();
      limitMs = ms;
      cancel = this.#runtime.timers.after(ms, timeOut);
    };
    try {
      return await run(abort.signal, within);
    } catch (error) {
      if (error instanceof QdfsError) throw error;
      if (signal?.aborted) throw new QdfsError("NODE_SILENT", "ended: not wanted any more", { http });
      throw this.#failure(http, error, abort.signal.aborted ? `timed out after ${limitMs} ms` : undefined);
    } finally {
      cancel();
      signal?.removeEventListener("abort", unwanted);
      this.#underWay.delete(abort);
    }
  }

  #failure(http: string, error: unknown, timedOut: string | undefined): QdfsError {
    if (this.#closed) return new QdfsError("NODE_SILENT", "the client was closed", { http });
    if (timedOut !== undefined) return new QdfsError("NODE_SILENT", timedOut, { http });
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ECONNREFUSED") return new QdfsError("NODE_UNREACHABLE", "connection refused", { http });
    if (NOT_SENT.has(code)) return new QdfsError("NODE_UNREACHABLE", messageOf(error), { http });
    return new QdfsError("NODE_SILENT", code === "ECONNRESET" ? "connection lost" : messageOf(error), { http });
  }
}

/** No connection came about, so nothing was sent. */
const NOT_SENT: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "FailedToOpenSocket"]);

/** The environment's proxy is not for DataNodes, and Bun's fetch heeds it unless NO_PROXY names the host. */
function bypassProxies(http: string): void {
  if (process.env.HTTP_PROXY === undefined && process.env.http_proxy === undefined) return;
  for (const name of process.env.no_proxy === undefined ? ["NO_PROXY"] : ["NO_PROXY", "no_proxy"]) {
    const listed = process.env[name] ?? "";
    if (!listed.split(",").includes(http)) process.env[name] = listed === "" ? http : `${listed},${http}`;
  }
}
