/**
 * GET requests whose bodies go from the socket straight into memory that the caller gives, over connections that are kept (HTTP/1.1,
 * RFC 9112; bodies with a content-length only). fetch makes a new buffer of each body, twice, which the collector then has to find:
 * bodies of 4 MiB, four at a time, came at 1.5 GiB/s through it and at 2.4 GiB/s this way.
 */
import { connect, type Socket } from "bun";
import { QdfsError } from "../base/errors.ts";
import { HTTP_HEAD_BYTES_MAX, HTTP_KEPT_CONNECTIONS_MAX } from "../limits.ts";

export interface HttpReply {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Memory for a body of so many bytes. It is written to until the request has ended, with or without success. */
export type Room = (status: number, sizeBytes: number) => Uint8Array;

/** The connection ended, or could not be made (`code`: of the system). */
export class ConnectionLost extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

interface Request {
  readonly room: Room;
  readonly resolve: (reply: HttpReply) => void;
  readonly reject: (error: unknown) => void;
}

export class HttpGetter {
  readonly #idle = new Map<string, Connection[]>();

  /**
   * `headers`: further lines, each ended by CRLF. One request more is made when a kept connection turns out to be gone.
   * @throws ConnectionLost; QdfsError CORRUPT (what came is no HTTP); what `room` throws; the signal's reason
   */
  async get(http: string, target: string, headers: string, room: Room, signal: AbortSignal): Promise<HttpReply> {
    const request = `GET ${target} HTTP/1.1\r\nhost: ${http}\r\n${headers}\r\n`;
    const kept = this.#idle.get(http)?.pop();
    if (kept !== undefined) {
      try {
        return await this.#ask(kept, http, request, room, signal);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || kept.heard || signal.aborted) throw error;
      }
    }
    return await this.#ask(await Connection.to(http, signal), http, request, room, signal);
  }

  close(): void {
    for (const connections of this.#idle.values()) for (const connection of connections) connection.close();
    this.#idle.clear();
  }

  async #ask(connection: Connection, http: string, request: string, room: Room, signal: AbortSignal): Promise<HttpReply> {
    const end = (): void => connection.close();
    signal.addEventListener("abort", end);
    try {
      const reply = await connection.get(request, room);
      this.#keep(http, connection);
      return reply;
    } catch (error) {
      connection.close();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  #keep(http: string, connection: Connection): void {
    const open = (this.#idle.get(http) ?? []).filter((other) => other.open);
    if (connection.open && open.length < HTTP_KEPT_CONNECTIONS_MAX) open.push(connection);
    else connection.close();
    this.#idle.set(http, open);
  }
}

/** One connection, one request at a time. */
class Connection {
  readonly #socket: Socket<undefined>;
  #request: Request | undefined;
  #head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #status = 0;
  #body: Uint8Array | undefined;
  #filled = 0;
  /** The server ends it after this reply. */
  #last = false;
  open = true;
  /** Whether anything came since the last request. */
  heard = false;

  /** @throws ConnectionLost, the signal's reason */
  static async to(http: string, signal: AbortSignal): Promise<Connection> {
    const colon = http.lastIndexOf(":");
    const hostname = http.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    let made: Connection | undefined;
    const connecting = connect<undefined>({
      hostname,
      port: Number(http.slice(colon + 1)),
      socket: {
        data: (_, bytes) => made?.received(bytes),
        close: () => made?.ended("connection lost", "ECONNRESET"),
        error: (_, error) => made?.ended(error.message, codeIn(error)),
      },
    });
    made = new Connection(await unlessAborted(connecting, signal, (socket) => socket.terminate()));
    return made;
  }

  private constructor(socket: Socket<undefined>) {
    this.#socket = socket;
  }

  async get(request: string, room: Room): Promise<HttpReply> {
    if (!this.open) throw new ConnectionLost("connection lost", "ECONNRESET");
    this.#body = undefined;
    this.#filled = 0;
    this.heard = false;
    return await new Promise((resolve, reject) => {
      this.#request = { room, resolve, reject };
      // A request is small and goes out whole, or the connection is not what it should be.
      if (this.#socket.write(request) !== Buffer.byteLength(request)) this.ended("connection blocked", "ECONNRESET");
    });
  }

  close(): void {
    this.ended("connection closed", "ECONNRESET");
  }

  ended(why: string, code: string): void {
    const wasOpen = this.open;
    this.open = false;
    if (wasOpen) this.#socket.terminate();
    this.#finish()?.reject(new ConnectionLost(why, code));
  }

  received(bytes: Uint8Array): void {
    if (this.#request === undefined) {
      this.close(); // nobody asked
      return;
    }
    this.heard = true;
    try {
      const rest = this.#body === undefined ? this.#takeHead(bytes) : bytes;
      if (this.#body !== undefined && rest !== undefined) this.#takeBody(this.#body, rest);
    } catch (error) {
      this.#finish()?.reject(error);
      this.close();
    }
  }

  #finish(): Request | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  /** What follows the head in these bytes; undefined: it is not complete yet. */
  #takeHead(bytes: Uint8Array): Uint8Array | undefined {
    const all = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = Buffer.from(all.buffer, all.byteOffset, all.length).indexOf("\r\n\r\n");
    if (end > HTTP_HEAD_BYTES_MAX || (end < 0 && all.length > HTTP_HEAD_BYTES_MAX)) throw noHttp("a head without an end");
    if (end < 0) {
      this.#head = new Uint8Array(all);
      return undefined;
    }
    this.#head = new Uint8Array(0);
    const { status, sizeBytes, last } = parsedHead(Buffer.from(all.buffer, all.byteOffset, end).toString("latin1"));
    this.#status = status;
    this.#last = last;
    const room = this.#request?.room(status, sizeBytes);
    if (room === undefined || room.length !== sizeBytes) throw noHttp(`a body of ${sizeBytes} bytes`);
    this.#body = room;
    return all.subarray(end + 4);
  }

  #takeBody(body: Uint8Array, bytes: Uint8Array): void {
    if (this.#filled + bytes.length > body.length) throw noHttp("more than was announced");
    body.set(bytes, this.#filled);
    this.#filled += bytes.length;
    if (this.#filled < body.length) return;
    const request = this.#finish();
    if (this.#last) this.close();
    request?.resolve({ status: this.#status, body });
  }
}

function parsedHead(head: string): { readonly status: number; readonly sizeBytes: number; readonly last: boolean } {
  const [first = "", ...lines] = head.split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw noHttp("no status line");
  let sizeBytes: number | undefined;
  let last = false;
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name.toLowerCase() === "content-length" && /^\d{1,15}$/.test(value)) sizeBytes = Number(value);
    if (name.toLowerCase() === "connection") last = value.toLowerCase() === "close";
  }
  if (sizeBytes === undefined) throw noHttp("a body of unknown length");
  return { status: Number(status), sizeBytes, last };
}

function noHttp(what: string): QdfsError {
  return new QdfsError("CORRUPT", `the answer is not one of a DataNode: ${what}`);
}

/** What is being made, or the signal's reason; what is made too late is let go. @throws ConnectionLost when it cannot be made */
function unlessAborted<T>(making: Promise<T>, signal: AbortSignal, letGo: (made: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    making
      .then((made) => (signal.aborted ? letGo(made) : resolve(made)))
      .catch((error: unknown) =>
        reject(new ConnectionLost(error instanceof Error ? error.message : String(error), codeIn(error))),
      )
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

function codeIn(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
