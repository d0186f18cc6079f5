/** The bulk plane: a real listener and whatever may come over its connections, the asking end and whatever a server may say. */
import { afterAll, describe, expect } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { checksumOf } from "../../src/base/checksum.ts";
import { ERRORS, isErrorCode } from "../../src/base/errors.ts";
import { isFilePath } from "../../src/base/path.ts";
import type { BulkHandler } from "../../src/ports.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { HttpBulkClient } from "../../src/transport/http-bulk-client.ts";
import { startBulkServer } from "../../src/transport/http-bulk-server.ts";
import { parseChunkPath, parseRange } from "../../src/transport/http-bulk-wire.ts";
import { fuzzing, outcomeOfPromise } from "./fuzz.ts";
import { anyText, changed } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const CHUNK = "0123456789abcdef-0";
const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));

/** Holds one chunk, and notes what it was handed. */
const handed: { owner: string; chunk: string }[] = [];
const handler: BulkHandler = {
  putChunk: async (chunk, owner, body, checksum) => {
    handed.push({ owner, chunk });
    let sizeBytes = 0;
    for await (const piece of body) sizeBytes += piece.length;
    return { chunk, diskId: "disk", sizeBytes, checksum };
  },
  openChunk: async (chunk) =>
    chunk === CHUNK
      ? { blob: new Blob([new Uint8Array(CONTENT)]), checksum: checksumOf(CONTENT), sizeBytes: CONTENT.length }
      : undefined,
  reportChunk: async (chunk) => void handed.push({ owner: "/", chunk }),
  metrics: () => "qdfs_up 1\n",
};
const server = startBulkServer({ host: "127.0.0.1", port: 0, handler });
const port = Number(server.address.split(":")[1]);
afterAll(() => server.stop());

describe("ranges", () => {
  const range = fc.tuple(fc.option(fc.nat(1200)), fc.option(fc.nat(1200))).map(([from, to]) => `bytes=${from ?? ""}-${to ?? ""}`);

  /** RFC 9110 section 14, said another way: the bytes that are sent; undefined: all of them; null: none (416). */
  function asked(header: string, content: Buffer): Buffer | undefined | null {
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
    if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
    if ([from, to].some((digits) => digits.length > 15)) return undefined;
    const wanted = content.filter((_, index) => {
      if (from === "") return index >= content.length - Number(to);
      return index >= Number(from) && (to === "" || index <= Number(to));
    });
    if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
    return wanted.length === 0 ? null : Buffer.from(wanted);
  }

  fuzz(
    "a range is what it says, nothing, or not understood",
    fc.tuple(fc.oneof(range, changed(range), anyText), fc.nat(1100)),
    ([header, size]) => {
      const content = CONTENT.subarray(0, size % (CONTENT.length + 1));
      const parsed = parseRange(header, content.length);
      const expected = asked(header, content);
      if (parsed === undefined) expect(expected).toBeUndefined();
      else if (parsed === "unsatisfiable") expect(expected).toBeNull();
      else expect(content.subarray(parsed.start, parsed.end + 1)).toEqual(Buffer.from(expected ?? []));
    },
    { runs: 1_000 },
  );

  fuzz(
    "a chunk's path is a chunk",
    fc.oneof(anyText, changed(fc.constantFrom(`/chunks/${CHUNK}`, `/chunks/${CHUNK}/report`))),
    (path) => {
      const named = parseChunkPath(path);
      if (named !== undefined) expect(`/chunks/${named.chunk}${named.report ? "/report" : ""}`).toBe(path);
    },
  );
});

describe("the listener", () => {
  const latin1 = fc.oneof(anyText, changed(fc.constant("/a%20b"))).map((text) =>
    Buffer.from(text)
      .toString("latin1")
      .replaceAll(/[\r\n]/g, "_"),
  );
  const method = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS") },
    { weight: 1, arbitrary: latin1 },
  );
  const target = fc.oneof(
    fc.constantFrom(
      "/healthz",
      "/metrics",
      `/chunks/${CHUNK}`,
      "/chunks/0123456789abcdef-7",
      `/chunks/${CHUNK}/report`,
      "/",
      "*",
      "//",
      "/../x",
    ),
    changed(fc.constant(`/chunks/${CHUNK}`)).map((text) => Buffer.from(text).toString("latin1").replaceAll(/[\s]/g, "_")),
    latin1,
  );
  const headers = fc.record(
    {
      Host: fc.oneof({ weight: 4, arbitrary: fc.constant("x") }, { weight: 1, arbitrary: latin1 }),
      Range: fc.oneof(fc.constantFrom("bytes=0-9", "bytes=-5", "bytes=990-", "bytes=1000-", "bytes=5-1"), latin1),
      "x-qdfs-owner": fc.oneof(fc.constantFrom("/a", "%2Fa%20b", "/%ff", "%"), latin1),
      "x-qdfs-checksum": fc.oneof(fc.constant("xxh3:0123456789abcdef"), latin1),
      "Content-Length": fc.oneof({ weight: 4, arbitrary: fc.constant("3") }, { weight: 1, arbitrary: latin1 }),
      "Transfer-Encoding": fc.constantFrom("chunked", "gzip"),
      Expect: fc.constant("100-continue"),
      Connection: fc.constantFrom("close", "keep-alive", "upgrade"),
    },
    { requiredKeys: ["Host"] },
  );
  const body = fc.oneof(fc.constantFrom("", "abc", "3\r\nabc\r\n0\r\n\r\n", "ffffffff\r\n", "-1\r\n"), latin1);
  const request = fc
    .record({ method, target, version: fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9"), headers, body })
    .map(({ method: verb, target: where, version, headers: fields, body: bytes }) => {
      const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
      return Buffer.from(`${verb} ${where} ${version}\r\n${lines.join("")}\r\n${bytes}`, "latin1");
    });
  const anyRequest = fc.oneof(
    { weight: 9, arbitrary: request },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
  );

  fuzz(
    "answers every request with what it says or with a coded failure, and serves on",
    fc.array(anyRequest, { minLength: 1, maxLength: 20 }),
    async (requests) => {
      const answers = await Promise.all(requests.map(exchange));
      for (const answer of answers) expectSensible(answer);
      for (const { owner, chunk } of handed.splice(0)) {
        expect([owner === "/" || isFilePath(owner), parseChunkPath(`/chunks/${chunk}`) !== undefined]).toEqual([true, true]);
      }
      expect(await (await fetch(`http://${server.address}/healthz`)).text()).toBe("ok\n");
    },
    { runs: 25 },
  );

  /** One connection: what comes back until it is closed, or nothing more comes. */
  function exchange(bytes: Buffer): Promise<string> {
    return new Promise((resolve) => {
      const parts: Buffer[] = [];
      const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
      const end = () => {
        socket.destroy();
        resolve(Buffer.concat(parts).toString("latin1"));
      };
      socket.setTimeout(60, end);
      socket.on("data", (part) => parts.push(Buffer.from(part)));
      socket.on("error", () => {}).on("close", end);
    });
  }

  /** A failure of ours has a code of the table and its status; what has none is Bun's own (a request that is no HTTP). */
  function expectSensible(answer: string): void {
    if (answer === "") return;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
    expect(status).toBeGreaterThan(0);
    const json = /\r\n\r\n(\{.*\})/s.exec(answer)?.[1];
    if (status < 400 || json === undefined) return;
    const { code } = JSON.parse(Buffer.from(json, "latin1").toString());
    expect(isErrorCode(code)).toBe(true);
    expect(code).not.toBe("BUG");
    expect(isErrorCode(code) && ERRORS[code].grpc > 0).toBe(true);
  }
});

describe("the asking end", () => {
  const client = new HttpBulkClient(realRuntime("quiet"));
  const sockets = new Set<Socket>();
  let said = Buffer.alloc(0);
  const liar = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.once("data", () => socket.end(said));
  });
  const listening = new Promise<string>((resolve) => {
    liar.listen(0, "127.0.0.1", () => {
      const address = liar.address();
      resolve(typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "");
    });
  });
  afterAll(() => {
    client.close();
    for (const socket of sockets) socket.destroy();
    liar.close();
  });

  const receipt = { chunk: CHUNK, diskId: "d", sizeBytes: 3, checksum: "xxh3:0123456789abcdef" };
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record({
      code: fc.oneof(anyText, fc.constantFrom("NOT_FOUND", "STORAGE_FULL")),
      message: anyText,
      details: fc.jsonValue(),
    }),
    fc.record({ chunk: fc.constant(CHUNK), diskId: anyText, sizeBytes: fc.jsonValue(), checksum: fc.constant(receipt.checksum) }),
  );
  const said_ = fc
    .record({
      status: fc.oneof(
        fc.constantFrom("200 OK", "206 Partial", "404 Not Found", "500 X", "307 Elsewhere", "100 Continue", "204 Nothing"),
        anyText,
      ),
      body: fc.oneof(
        json.map((value) => JSON.stringify(value)),
        changed(fc.constant(JSON.stringify(receipt))),
        anyText,
      ),
      length: fc.option(fc.oneof(fc.nat(50).map(String), fc.constantFrom("99999999999", "-1", "x"))),
    })
    .map(({ status, body, length }) =>
      Buffer.from(`HTTP/1.1 ${status}\r\ncontent-length: ${length ?? Buffer.byteLength(body)}\r\nlocation: /x\r\n\r\n${body}`),
    );

  fuzz(
    "takes a receipt, bytes or a coded failure from it, whatever the server says",
    fc.oneof(
      said_,
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    ),
    async (answer) => {
      const http = await listening;
      said = answer;
      const put = await outcomeOfPromise(client.putChunk(http, CHUNK, "/a", new Uint8Array(3), receipt.checksum));
      if ("value" in put) expect(put.value).toMatchObject({ chunk: CHUNK, checksum: receipt.checksum });
      await outcomeOfPromise(client.getChunk(http, CHUNK));
      await client.reportChunk(http, CHUNK);
    },
    { runs: 120 },
  );
});
