/** Clients that are not ours: standard ones that ask for health and reflection, and broken ones that send anything at all. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { status } from "@grpc/grpc-js";
import { parseAddress } from "../../src/base/units.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { bytesOf, PATIENCE_MS, putText, startCluster, textOf } from "./harness.ts";
import { batchOf, codeOfCall, endOf, PlainClient } from "./plain-client.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

/** A DataNode that keeps what nobody takes would grow far beyond this. */
const RESIDENT_BYTES_MAX = 500 * 2 ** 20;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster();
}, PATIENCE_MS);
afterAll(() => cluster?.stop());

function servers() {
  return [cluster.supernode, ...cluster.nodes];
}

describe("a standard client", () => {
  test("is told by every server that it serves", async () => {
    for (const { ready } of servers()) {
      using client = new PlainClient(ready.grpc);
      expect(await client.health("")).toBe("SERVING");
      expect(await codeOfCall(client.health("no.such.Service"))).toBe(status.NOT_FOUND);
    }
  });

  test("finds the services and their descriptions by reflection", async () => {
    for (const { role, ready } of servers()) {
      using client = new PlainClient(ready.grpc);
      const service = role === "supernode" ? "qdfs.v1.SuperNode" : "qdfs.v1.DataNode";
      expect(await client.services()).toContain(service);
      expect(await client.filesDescribing(service)).toBeGreaterThan(0);
    }
  });

  test("is told of a method that is not there", async () => {
    using client = new PlainClient(cluster.node(0).ready.grpc);
    expect(await codeOfCall(client.unary("/qdfs.v1.DataNode/Nonsense", Buffer.of()))).toBe(status.UNIMPLEMENTED);
  });
});

describe("a broken client does no harm when it", () => {
  const random = seededRandom(9);
  const garbage = (sizeBytes: number) => Buffer.from(random.hex(2 * sizeBytes), "hex");
  let pids: readonly (number | undefined)[];
  beforeAll(() => {
    pids = servers().map(({ pid }) => pid);
  });

  afterEach(async () => {
    expect(servers().map(({ pid, running }) => (running ? pid : undefined))).toEqual([...pids]);
    await putText(cluster, "/after", "still served");
    expect(await textOf(cluster, "/after")).toBe("still served");
    for (const { pid } of servers()) expect(residentBytes(pid)).toBeLessThan(RESIDENT_BYTES_MAX);
  });

  test("speaks no HTTP/2 at all", async () => {
    for (const { ready } of servers()) {
      for (const address of [ready.grpc, ready.http]) {
        for (const bytes of [garbage(4096), Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Buffer.of(0), garbage(1 << 20)])
          await sendAndLeave(address, bytes);
      }
    }
  });

  test("opens connections and says nothing", async () => {
    const { host, port } = parseAddress(cluster.node(0).ready.grpc);
    const sockets: Socket[] = [];
    for (let index = 0; index < 200; index++) sockets.push(connect(port, host).on("error", () => {}));
    await putText(cluster, "/meanwhile", "served");
    for (const socket of sockets) socket.destroy();
  });

  test("sends messages that are none", async () => {
    for (const { ready } of cluster.nodes) {
      for (let attempt = 0; attempt < 20; attempt++) {
        using client = new PlainClient(ready.grpc);
        const stream = client.session();
        const end = endOf(stream);
        for (let message = 0; message < 5; message++) stream.write(garbage(1 + Math.floor(random.unit() * 2000)));
        stream.end();
        await end;
      }
    }
    for (const method of ["Join", "Heartbeat", "List", "Usage", "Status"]) {
      using client = new PlainClient(cluster.supernode.ready.grpc);
      await client.unary(`/qdfs.v1.SuperNode/${method}`, garbage(300)).catch(() => {});
    }
  });

  test("leaves out what a message is about, or says numbers beyond all bounds", async () => {
    for (const method of ["Join", "Heartbeat", "List", "Usage", "Status"]) {
      using client = new PlainClient(cluster.supernode.ready.grpc);
      await client.unary(`/qdfs.v1.SuperNode/${method}`, Buffer.of()).catch(() => {});
    }
    const most = Buffer.from("ffffffffffffffffff01", "hex");
    const ballot = Buffer.concat([Buffer.of(0x10), most]); // counter 2^64 - 1
    const accept = Buffer.concat([Buffer.of(0x0a, 2), Buffer.from("/x"), Buffer.of(0x12, ballot.length), ballot]);
    const request = Buffer.concat([Buffer.of(0x08, 1, 0x10, 1, 0x22, accept.length), accept]);
    for (const message of [request, Buffer.of(0x08, 1, 0x10, 1, 0x22, 0), Buffer.of(0x08, 1, 0x10, 1, 0x3a, 0)]) {
      using client = new PlainClient(cluster.node(0).ready.grpc);
      const stream = client.session();
      const end = endOf(stream);
      stream.write(batchOf({ counter: 1, hello: { clusterId: "", node: 0, version: "0" } }));
      stream.write(Buffer.concat([Buffer.of(0x1a, message.length), message]));
      stream.write(Buffer.concat([Buffer.of(0x2a, 4, 0x0a, 2), Buffer.from("/x")])); // a hint without a ballot
      expect(await end).toBe(status.INVALID_ARGUMENT);
    }
  });

  test("sends messages that are too large", async () => {
    for (const { ready } of cluster.nodes) {
      using client = new PlainClient(ready.grpc);
      const stream = client.session();
      const end = endOf(stream);
      stream.write(Buffer.alloc(8 * 2 ** 20));
      expect(await end).toBe(status.RESOURCE_EXHAUSTED);
    }
    using client = new PlainClient(cluster.supernode.ready.grpc);
    const call = client.unary("/qdfs.v1.SuperNode/Join", Buffer.alloc(8 * 2 ** 20));
    expect(await codeOfCall(call)).toBe(status.RESOURCE_EXHAUSTED);
  });

  test("sends without end what is well formed and senseless", async () => {
    const ballot = { configuration: 1, counter: 1, node: 1 };
    await flood(batchOf({ counter: 1, chosen: Array(1000).fill({ path: "/nonsense", ballot }) }), 2_000);
  });

  test("asks without end and takes no answer", async () => {
    await cluster.ok(["put", "-", "/wide"], { stdin: bytesOf(60_000) });
    const requests = Array.from({ length: 100 }, (_, id) => ({
      id: id + 1,
      configuration: 1,
      read: { path: "/wide", want: 2, version: 0 },
    }));
    await flood(batchOf({ counter: 1, requests }), 3_000);
  });

  /** Sends one message over and over, never reads, and leaves. */
  async function flood(message: Uint8Array, durationMs: number): Promise<void> {
    using client = new PlainClient(cluster.node(0).ready.grpc);
    const stream = client.session();
    let open = true;
    stream.on("error", () => {
      open = false;
    });
    stream.write(batchOf({ counter: 1, hello: { clusterId: "", node: 0, version: "0" } }));
    const endMs = performance.now() + durationMs;
    while (open && performance.now() < endMs) {
      if (stream.write(message)) await new Promise((resolve) => setImmediate(resolve));
      else await Bun.sleep(5);
    }
    expect(residentBytes(cluster.node(0).pid)).toBeLessThan(RESIDENT_BYTES_MAX);
    stream.cancel();
  }
});

function sendAndLeave(address: string, bytes: Buffer): Promise<void> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write(bytes));
    socket.on("error", () => {}).on("close", () => resolve());
    socket.resume();
    setTimeout(() => socket.destroy(), 100);
  });
}

function residentBytes(pid: number | undefined): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB$/m);
  return Number(line?.[1]) * 1024;
}
