/** The bulk plane, over HTTP and in memory: one suite for both, then what only HTTP has. */
import { afterAll, describe, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf, QdfsError } from "../../src/base/errors.ts";
import { BODIES_WHOLE_BYTES_MAX, CHUNK_BYTES_MAX } from "../../src/limits.ts";
import type { BulkClient, BulkHandler } from "../../src/ports.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { HttpBulkClient } from "../../src/transport/http-bulk-client.ts";
import { startBulkServer } from "../../src/transport/http-bulk-server.ts";
import { MemoryBulkClient } from "../../src/transport/memory-bulk.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { freePort } from "./free-port.ts";

const CHUNK = "0123456789abcdef-0";
const OTHER = "0123456789abcdef-12";
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
const SUM = checksumOf(BYTES);

class Shelf implements BulkHandler {
  readonly chunks = new Map<string, { bytes: Buffer; owner: string }>();
  readonly reported: string[] = [];
  /** In how many pieces the body of the last put came. */
  pieces = 0;
  /** What the body of the last put ended with. */
  bodyError: unknown;

  async putChunk(chunk: string, owner: string, body: AsyncIterable<Uint8Array>, checksum: string) {
    if (owner === "/full") throw new QdfsError("STORAGE_FULL", "no room", { freeBytes: 1 });
    const parts: Uint8Array[] = [];
    try {
      for await (const part of body) parts.push(part);
    } catch (error) {
      this.bodyError = error;
      throw error;
    }
    const bytes = Buffer.concat(parts);
    this.pieces = parts.length;
    if (checksumOf(bytes) !== checksum) throw new QdfsError("CORRUPT", "damaged on the way");
    this.chunks.set(chunk, { bytes, owner });
    return { chunk, diskId: "disk", sizeBytes: bytes.length, checksum };
  }

  async openChunk(chunk: string) {
    const stored = this.chunks.get(chunk);
    if (chunk.endsWith("-99")) throw new QdfsError("CORRUPT", "the copy is bad");
    if (stored === undefined) return undefined;
    return { blob: new Blob([new Uint8Array(stored.bytes)]), checksum: checksumOf(stored.bytes), sizeBytes: stored.bytes.length };
  }

  async reportChunk(chunk: string): Promise<void> {
    this.reported.push(chunk);
  }

  metrics(): string {
    return "qdfs_up 1\n";
  }
}

const runtime = realRuntime("quiet");
const shelf = new Shelf();
const server = startBulkServer({ host: "127.0.0.1", port: 0, handler: shelf });
afterAll(() => server.stop());

async function codeFrom(promise: Promise<unknown>): Promise<string | undefined> {
  return await promise.then(() => undefined, codeOf);
}

function bulkSuite(name: string, client: BulkClient, http: string, dead: string, handler: Shelf): void {
  describe(name, () => {
    test("a chunk comes back as it was put, whole and in part", async () => {
      const receipt = await client.putChunk(http, CHUNK, "/a b/ü?#%", BYTES, SUM);
      expect(receipt).toEqual({ chunk: CHUNK, diskId: "disk", sizeBytes: BYTES.length, checksum: SUM });
      expect(handler.chunks.get(CHUNK)?.owner).toBe("/a b/ü?#%");
      expect(Buffer.from(await client.getChunk(http, CHUNK)).equals(BYTES)).toBe(true);
      expect(Buffer.from(await client.getChunk(http, CHUNK, { range: { start: 10, end: 19 } }))).toEqual(BYTES.subarray(10, 20));
      expect(Buffer.from(await client.getChunk(http, CHUNK, { range: { start: 299_990, end: 999_999 } }))).toEqual(
        BYTES.subarray(299_990),
      );
    });

    test("a part of a larger buffer is put as that part", async () => {
      const part = BYTES.subarray(100, 1100);
      await client.putChunk(http, OTHER, "/a", part, checksumOf(part));
      expect(Buffer.from(await client.getChunk(http, OTHER)).equals(part)).toBe(true);
    });

    test("errors arrive as they were thrown", async () => {
      expect(await codeFrom(client.putChunk(http, CHUNK, "/full", BYTES, SUM))).toBe("STORAGE_FULL");
      expect(await codeFrom(client.putChunk(http, CHUNK, "/a", BYTES, "xxh3:0000000000000000"))).toBe("CORRUPT");
      expect(await codeFrom(client.getChunk(http, "ffffffffffffffff-0"))).toBe("NOT_FOUND");
      expect(await codeFrom(client.getChunk(http, "ffffffffffffffff-99"))).toBe("CORRUPT");
      expect(await codeFrom(client.getChunk(http, CHUNK, { range: { start: 300_000, end: 300_001 } }))).toBe("BAD_REQUEST");
    });

    test("a report arrives, and one to nobody does no harm", async () => {
      await client.reportChunk(http, CHUNK);
      expect(handler.reported).toEqual([CHUNK]);
      await client.reportChunk(dead, CHUNK);
    });

    test("a refused connection is NODE_UNREACHABLE at once", async () => {
      const startMs = performance.now();
      expect(await codeFrom(client.putChunk(dead, CHUNK, "/a", BYTES, SUM))).toBe("NODE_UNREACHABLE");
      expect(await codeFrom(client.getChunk(dead, CHUNK))).toBe("NODE_UNREACHABLE");
      expect(performance.now() - startMs).toBeLessThan(300);
    });
  });
}

bulkSuite("HTTP", new HttpBulkClient(runtime), server.address, `127.0.0.1:${await freePort()}`, shelf);

const fake = new FakeRuntime();
const network = new MemoryNetwork(fake);
const memoryShelf = new Shelf();
network.listen("there", { bulk: memoryShelf });
const inMemory = new MemoryBulkClient(network, "here", fake);
/** Lets virtual time run beside the calls: blobs are read by real I/O. */
const passing = setInterval(() => fake.advance(1), 1);
afterAll(() => clearInterval(passing));
bulkSuite("memory", inMemory, "there", "nowhere", memoryShelf);

describe("the HTTP listener", () => {
  const at = (path: string): string => `http://${server.address}${path}`;
  const headers = { "x-qdfs-owner": "/a", "x-qdfs-checksum": SUM };

  test("answers health checks and monitors", async () => {
    expect((await fetch(at("/healthz"))).status).toBe(200);
    expect(await (await fetch(at("/metrics"))).text()).toBe("qdfs_up 1\n");
    const bare = startBulkServer({ host: "127.0.0.1", port: 0, handler: { metrics: () => "bare" } });
    expect(await (await fetch(`http://${bare.address}/metrics`)).text()).toBe("bare");
    expect((await fetch(`http://${bare.address}/chunks/${CHUNK}`)).status).toBe(404);
    bare.stop();
  });

  test("serves HEAD, ranges in every form, and says what it cannot serve", async () => {
    await fetch(at(`/chunks/${CHUNK}`), { method: "PUT", headers, body: BYTES });
    const head = await fetch(at(`/chunks/${CHUNK}`), { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), head.headers.get("x-qdfs-checksum")]).toEqual([200, "300000", SUM]);
    const forms: [string, number, string | null, number][] = [
      ["bytes=0-0", 206, "bytes 0-0/300000", 1],
      ["bytes=299999-", 206, "bytes 299999-299999/300000", 1],
      ["bytes=-5", 206, "bytes 299995-299999/300000", 5],
      ["bytes=5-2", 200, null, 300_000],
      ["bytes=0-1,3-4", 200, null, 300_000],
      ["bytes=300000-", 416, "bytes */300000", -1],
      ["bytes=-0", 416, "bytes */300000", -1],
    ];
    for (const [range, status, contentRange, sizeBytes] of forms) {
      const response = await fetch(at(`/chunks/${CHUNK}`), { headers: { range } });
      expect([range, response.status, response.headers.get("content-range")]).toEqual([range, status, contentRange]);
      const body = await response.arrayBuffer();
      if (sizeBytes >= 0) expect(body.byteLength).toBe(sizeBytes);
    }
  });

  test("refuses malformed requests with JSON that says why", async () => {
    const requests: [string, RequestInit, number, string][] = [
      ["/chunks/nonsense", {}, 404, "NOT_FOUND"],
      [`/chunks/${CHUNK}`, { method: "DELETE" }, 400, "BAD_REQUEST"],
      [`/chunks/${CHUNK}`, { method: "PUT", body: "x" }, 400, "BAD_REQUEST"],
      [`/chunks/${CHUNK}`, { method: "PUT", body: "x", headers: { ...headers, "x-qdfs-owner": "%" } }, 400, "BAD_REQUEST"],
      [`/chunks/${CHUNK}`, { method: "PUT", body: "x", headers: { ...headers, "x-qdfs-owner": "/../a" } }, 400, "BAD_PATH"],
      [`/chunks/${CHUNK}`, { method: "PUT", body: "x", headers: { ...headers, "x-qdfs-owner": "/full" } }, 507, "STORAGE_FULL"],
      [`/chunks/${CHUNK}`, { method: "PUT", body: "x", headers }, 422, "CORRUPT"],
    ];
    for (const [path, init, status, code] of requests) {
      const response = await fetch(at(path), init);
      expect([path, response.status]).toEqual([path, status]);
      expect(await response.json()).toMatchObject({ code, message: expect.any(String) });
    }
  });

  test("refuses a Host header that is none, and goes on", async () => {
    const [host, port] = server.address.split(":");
    for (const bad of ["[", "", "a b", "x:99999999", "%%", "\xff\xfe"]) {
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(Number(port), host, () =>
          socket.write(Buffer.from(`GET /healthz HTTP/1.1\r\nHost: ${bad}\r\n\r\n`, "latin1")),
        );
        socket.once("data", (bytes) => {
          resolve(bytes.toString());
          socket.destroy();
        });
      });
      expect([bad, answer.split("\r\n")[0]]).toEqual([bad, "HTTP/1.1 400 Bad Request"]);
    }
    expect((await fetch(at("/healthz"))).status).toBe(200);
  });

  test("refuses a body above the bound, and tells the handler of a sender that broke off", async () => {
    const response = await fetch(at(`/chunks/${CHUNK}`), { method: "PUT", headers, body: Buffer.alloc(CHUNK_BYTES_MAX + 1) });
    expect(response.status).toBe(413);
    const [host, port] = server.address.split(":");
    const socket = connect(Number(port), host);
    const lines = [
      "PUT /chunks/0123456789abcdef-7 HTTP/1.1",
      "host: x",
      "content-length: 1000",
      "x-qdfs-owner: /a",
      `x-qdfs-checksum: ${SUM}`,
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\nhalf`);
    await Bun.sleep(100);
    socket.destroy();
    await Bun.sleep(100);
    expect(codeOf(shelf.bodyError)).toBe("BAD_REQUEST");
    expect(shelf.chunks.has("0123456789abcdef-7")).toBe(false);
  });

  test("takes bodies whole as long as there is room for them, then in pieces", async () => {
    const body = Buffer.concat(Array.from({ length: 12 }, () => BYTES));
    const sum = { ...headers, "x-qdfs-checksum": checksumOf(body) };
    const piecesOfPut = async (): Promise<number> => {
      expect((await fetch(at(`/chunks/${CHUNK}`), { method: "PUT", headers: sum, body })).status).toBe(200);
      return shelf.pieces;
    };
    expect(await piecesOfPut()).toBe(1);
    const [host, port] = server.address.split(":");
    const slow = connect(Number(port), host);
    const lines = [
      "PUT /chunks/0123456789abcdef-8 HTTP/1.1",
      "host: x",
      `content-length: ${BODIES_WHOLE_BYTES_MAX - body.length + 1}`,
      "x-qdfs-owner: /a",
      `x-qdfs-checksum: ${SUM}`,
    ];
    slow.write(`${lines.join("\r\n")}\r\n\r\nthe rest comes never`);
    await Bun.sleep(100);
    expect(await piecesOfPut()).toBeGreaterThan(1);
    slow.destroy();
    await Bun.sleep(100);
    expect(await piecesOfPut()).toBe(1);
  });

  test("says that its port is in use", () => {
    const port = Number(server.address.split(":")[1]);
    const start = () => startBulkServer({ host: "127.0.0.1", port, handler: shelf });
    expect(start).toThrow(`port ${port} is in use`);
  });
});

describe("the HTTP client", () => {
  async function peer(behave: (send: (text: string) => void, end: () => void) => void) {
    const tcp = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () =>
        behave(
          (text) => void socket.write(text),
          () => void socket.destroy(),
        ),
      );
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => tcp.once("listening", resolve));
    const address = tcp.address();
    return { http: `127.0.0.1:${typeof address === "object" ? address?.port : 0}`, close: () => tcp.close() };
  }

  test("calls a broken connection NODE_SILENT, before the answer and in it", async () => {
    const client = new HttpBulkClient(runtime);
    for (const said of ["", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc"]) {
      const { http, close } = await peer((send, end) => {
        send(said);
        setTimeout(end, 20);
      });
      expect(await codeFrom(client.getChunk(http, CHUNK))).toBe("NODE_SILENT");
      expect(await codeFrom(client.putChunk(http, CHUNK, "/a", BYTES, SUM))).toBe("NODE_SILENT");
      close();
    }
  });

  test("gives up a peer that makes no progress, and everything when it is closed", async () => {
    const { http, close } = await peer(() => {});
    const soon = new HttpBulkClient({
      ...runtime,
      timers: { ...runtime.timers, after: (_, run) => runtime.timers.after(100, run) },
    });
    expect(await codeFrom(soon.getChunk(http, CHUNK))).toBe("NODE_SILENT");
    const client = new HttpBulkClient(runtime);
    const call = codeFrom(client.getChunk(http, CHUNK));
    await Bun.sleep(50);
    client.close();
    expect(await call).toBe("NODE_SILENT");
    expect(await codeFrom(client.getChunk(http, CHUNK))).toBe("NODE_UNREACHABLE");
    close();
  });

  test("leaves the environment's proxy to others", async () => {
    const saved = { ...process.env };
    process.env.http_proxy = `http://127.0.0.1:${await freePort()}`;
    await new HttpBulkClient(runtime).reportChunk(server.address, OTHER);
    expect(shelf.reported).toContain(OTHER);
    for (const name of ["http_proxy", "NO_PROXY"]) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  });
});
