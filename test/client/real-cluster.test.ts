/** The library against a real cluster in this process: gRPC, HTTP, SQLite and files, all but the executable. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QdfsError } from "../../src/base/errors.ts";
import { type Client, connect } from "../../src/client/connect.ts";
import { type ServedDataNode, serveDataNode } from "../../src/datanode/serve.ts";
import { SCRUB_PERIOD_MS } from "../../src/limits.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { type ServedSuperNode, serveSuperNode } from "../../src/supernode/serve.ts";
import { collect, inPieces, someBytes } from "./fakes.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const PATIENCE_MS = 60_000;
const MIB = 1 << 20;
const root = mkdtempSync(join(tmpdir(), "qdfs-client-"));
const runtime = realRuntime("warn");
let superNode: ServedSuperNode;
let superNodeServes = true;
let nodes: ServedDataNode[] = [];
let client: Client;

beforeAll(async () => {
  superNode = await serveSuperNode({ host: "127.0.0.1", port: 0, httpPort: 0, dataDir: join(root, "sn"), runtime });
  nodes = await Promise.all(
    [1, 2, 3].map((number) =>
      serveDataNode({
        host: "127.0.0.1",
        port: 0,
        httpPort: 0,
        dataDir: join(root, `dn${number}`),
        supernodes: [superNode.grpc],
        zone: "",
        weight: 100,
        capacityBytes: 0,
        scrubPeriodMs: SCRUB_PERIOD_MS,
        runtime,
      }),
    ),
  );
  client = await connect({ addresses: [superNode.grpc], cacheDir: join(root, "cache") });
}, PATIENCE_MS);

afterAll(async () => {
  await client.close();
  for (const node of nodes) await node.drain();
  if (superNodeServes) await superNode.drain();
  rmSync(root, { recursive: true, force: true });
}, PATIENCE_MS);

async function codeOfFailure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    if (error instanceof QdfsError) return error.code;
    throw error;
  }
}

test("small files: put, get, versions, conditions, removal, restoration", async () => {
  const one = new TextEncoder().encode("one");
  const two = new TextEncoder().encode("two");
  expect(await client.put("/s/ä/f", one, { ifAbsent: true, metadata: { k: "v" } })).toMatchObject({ version: 1, acks: 2 });
  expect(await codeOfFailure(client.put("/s/ä/f", two, { ifAbsent: true }))).toBe("ALREADY_EXISTS");
  expect(await client.put("/s/ä/f", two, { ifVersion: { version: 1 } })).toMatchObject({ version: 2, guarantee: "linearizable" });
  expect(await codeOfFailure(client.put("/s/ä/f", two, { ifVersion: { version: 1 } }))).toBe("VERSION_DIFFERS");
  expect(Buffer.from((await client.read("/s/ä/f")).bytes).toString()).toBe("two");
  expect(Buffer.from((await client.read("/s/ä/f", { version: 1 })).bytes).toString()).toBe("one");
  expect((await client.read("/s/ä/f", { version: 1 })).version.metadata).toEqual({ k: "v" });
  const stat = await client.stat("/s/ä/f");
  expect(stat.replicas).toHaveLength(3);
  expect(stat.replicas.filter(({ state }) => state === "current").length).toBeGreaterThanOrEqual(2);
  expect((await client.remove("/s/ä/f")).version).toBe(3);
  expect(await codeOfFailure(client.get("/s/ä/f"))).toBe("NOT_FOUND");
  expect((await client.restore("/s/ä/f", 1)).version).toBe(4);
  expect((await client.versions("/s/ä/f")).map(({ version }) => version)).toEqual([4, 3, 2, 1]);
  expect(Buffer.from((await client.read("/s/ä/f")).bytes).toString()).toBe("one");
});

test(
  "a large file goes in and out as it was, whole and in ranges, and is copied and moved",
  async () => {
    const bytes = someBytes(9 * MIB + 123);
    await client.put("/big", inPieces(bytes, 100_000), { modifiedAtMs: 1234, mode: 0o640 });
    expect(Buffer.compare(await collect((await client.get("/big")).body), bytes)).toBe(0);
    const range = { start: 4 * MIB - 5, end: 4 * MIB + 5 };
    expect(
      Buffer.compare(await collect((await client.get("/big", { range })).body), bytes.subarray(range.start, range.end + 1)),
    ).toBe(0);
    expect((await client.copy("/big", "/copy")).version).toBe(1);
    expect((await client.move("/copy", "/moved")).path).toBe("/moved");
    expect(await codeOfFailure(client.get("/copy"))).toBe("NOT_FOUND");
    const moved = await client.get("/moved");
    expect(moved.version).toMatchObject({ modifiedAtMs: 1234, mode: 0o640 });
    expect(Buffer.compare(await collect(moved.body), bytes)).toBe(0);
  },
  PATIENCE_MS,
);

test("every put that returned is in the next listing", async () => {
  await Promise.all(Array.from({ length: 40 }, (_, i) => client.put(`/list/f${String(i).padStart(2, "0")}`, someBytes(10))));
  const listing = client.list("/list", { recursive: true });
  const paths: string[] = [];
  for await (const { path } of listing) paths.push(path);
  expect(paths).toHaveLength(40);
  expect(paths).toEqual([...paths].sort());
  expect(listing.incomplete).toBe("");
  expect(await client.usage("/list")).toMatchObject({ files: 40, sizeBytes: 400 });
  expect((await client.status()).nodes).toHaveLength(3);
});

test("explain tells what was measured", async () => {
  await client.put("/explained", someBytes(10));
  const got = await client.explain("get", "/explained");
  expect(got.read).toMatchObject({ version: 1, sizeBytes: 10 });
  expect(got.order).toHaveLength(3);
  for (const { probeMs } of got.replicas) expect(probeMs).toBeGreaterThan(0);
  expect((await client.explain("put", "/explained")).steps.length).toBeGreaterThan(1);
});

test("weaker operations say what they are", async () => {
  expect((await client.put("/weak", someBytes(10), { ack: 1 })).guarantee).toBe("early-ack");
  expect((await client.put("/weak", someBytes(10), { ack: 3 })).acks).toBe(3);
  expect((await client.read("/weak", { consistency: "eventual" })).guarantee).toBe("eventual");
});

test(
  "with a DataNode and the SuperNode gone files go on, and the cached map is a way in",
  async () => {
    const bytes = someBytes(5 * MIB);
    await client.put("/kept", bytes);
    await client.close();
    await superNode.drain();
    superNodeServes = false;
    const [gone] = nodes.splice(0, 1);
    await gone?.drain();
    client = await connect({ addresses: [superNode.grpc], cacheDir: join(root, "cache") });
    for (let i = 0; i < 10; i += 1) {
      expect(await codeOfFailure(client.put(`/during/${i}`, someBytes(100, i)))).toBe("none");
      expect(Buffer.compare((await client.read(`/during/${i}`)).bytes, someBytes(100, i))).toBe(0);
    }
    expect(Buffer.compare(await collect((await client.get("/kept")).body), bytes)).toBe(0);
    await client.put("/large-during", bytes);
    expect(await codeOfFailure(client.status())).toBe("CLUSTER_UNREACHABLE");
  },
  PATIENCE_MS,
);

test(
  "with two of three DataNodes gone the error says the arithmetic, soon, and an eventual read still answers",
  async () => {
    const [gone] = nodes.splice(0, 1);
    await gone?.drain();
    const startMs = performance.now();
    expect(await codeOfFailure(client.put("/during/0", someBytes(5)))).toBe("QUORUM_UNAVAILABLE");
    expect(await codeOfFailure(client.get("/during/0"))).toBe("QUORUM_UNAVAILABLE");
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect((await client.read("/during/0", { consistency: "eventual" })).guarantee).toBe("eventual");
  },
  PATIENCE_MS,
);
