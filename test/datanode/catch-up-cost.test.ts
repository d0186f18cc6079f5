/**
 * What it costs a DataNode to be back: bytes between the nodes, and time. Three real DataNodes with SQLite over a network in memory; the files
 * are on all three, then some are written while one is away. Small by default;
 *
 *   QDFS_CATCH_UP_COST=FILES,WRITES bun test --timeout 600000 test/datanode/catch-up-cost.test.ts
 *
 * measures other sizes, and prints the figures.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { Alarms } from "../../src/datanode/alarms.ts";
import { DataNode } from "../../src/datanode/datanode.ts";
import { Entropy } from "../../src/datanode/entropy.ts";
import { HeldRanges } from "../../src/datanode/held-ranges.ts";
import { SuperNodes } from "../../src/datanode/membership.ts";
import type { AcceptWrite } from "../../src/ports.ts";
import { absentHead } from "../../src/register/head.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { MemoryChunkFiles } from "../../src/storage/memory-chunk-files.ts";
import { NODE_MIGRATIONS } from "../../src/storage/node-schema.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { Database, LARGE_PAGE_BYTES } from "../../src/storage/sqlite.ts";
import { MemoryBulkClient } from "../../src/transport/memory-bulk.ts";
import { MemoryControlDialer } from "../../src/transport/memory-control.ts";
import { type MemoryListener, MemoryNetwork } from "../../src/transport/memory-network.ts";
import { MemorySessionDialer } from "../../src/transport/memory-session.ts";
import { batchCodec, headCodec } from "../../src/wire/codec.ts";
import type { ClusterMap, RequestBody } from "../../src/wire/messages.ts";
import { joinRequest } from "../supernode/scripted-cluster.ts";

setDefaultTimeout(600_000);

const FLAG = process.env.QDFS_CATCH_UP_COST;
const [FILES = 0, WRITES = 0] = (FLAG ?? "5000,50").split(",").map(Number);
const NODES = [1, 2, 3];
const AWAY = 3;
const PARTITIONS = 1024;
const CONTENT = new Uint8Array(100);
const VERSION = {
  ...absentHead(0).current,
  version: 1,
  nextNode: 4,
  tombstone: false,
  sizeBytes: CONTENT.length,
  checksum: checksumOf(CONTENT),
};

const directory = mkdtempSync(join(tmpdir(), "qdfs-cost-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const databaseOf = (node: number): string => join(directory, `node-${node}.db`);
const diskOf = (node: number): string => `disk-${node}`;
const pathOf = (i: number): string => `/directory-${String(Math.floor(i / 1000)).padStart(4, "0")}/file-${i}`;

const MAP: ClusterMap = {
  clusterId: "cost",
  generation: 1,
  nextNode: 4,
  version: 1,
  policy: {
    n: 3,
    w: 2,
    r: 2,
    name: "majority",
    chunkSizeBytes: 4096,
    inlineLimitBytes: 1024,
    keepVersions: 10,
    tombstoneGraceMs: 0,
    orphanAgeMs: 0,
  },
  nodes: NODES.map((number) => ({
    number,
    grpc: `dn-${number}:1`,
    http: `dn-${number}:2`,
    zone: "",
    weight: 1,
    state: 0,
    diskId: diskOf(number),
  })),
  partitions: Array.from({ length: PARTITIONS }, () => ({ number: 1, sets: [{ nodes: NODES, w: 2, r: 2 }] })),
  supernodes: [],
  waitingFor: "",
};

function acceptOf(i: number): AcceptWrite {
  const random = i.toString(16).padStart(16, "0");
  const operation = { stamp: 1, random };
  const head = headCodec.encode({
    current: { ...VERSION, operation, writtenAtMs: 1_700_000_000_000, by: "cost" },
    history: [],
    window: [{ operation, refusal: "", version: 1 }],
    forgotten: 0,
  });
  return { path: pathOf(i), ballot: { configuration: 1, counter: 1, node: 1 }, head, random, content: CONTENT, chosen: true };
}

/** The same files on every disk, each of which has followed the others' logs to their ends. */
async function fill(): Promise<void> {
  const store = SqliteNodeStore.open(databaseOf(1), diskOf(1));
  for (let at = 0; at < FILES; at += 4096) {
    const accepts = Array.from({ length: Math.min(4096, FILES - at) }, (_, i) => acceptOf(at + i));
    await store.commit({ accepts, trims: [], chunks: [], droppedChunks: [] });
  }
  const cursors = NODES.map((node) => ({ diskId: diskOf(node), sequence: store.sequence }));
  await store.commit({ accepts: [], trims: [], chunks: [], droppedChunks: [], cursors, map: MAP });
  store.close();
  for (const node of NODES.slice(1)) {
    copyFileSync(databaseOf(1), databaseOf(node));
    const database = Database.open(databaseOf(node), {
      synchronous: "FULL",
      pageBytes: LARGE_PAGE_BYTES,
      migrations: NODE_MIGRATIONS,
    });
    database.transaction(() => database.prepare("UPDATE meta SET value = ? WHERE name = 'disk'").run(diskOf(node)), 65_536);
    database.close();
  }
}

beforeAll(fill, 600_000);

const runtime = realRuntime("warn");
const network = new MemoryNetwork(
  runtime,
  () => 0,
  (place) => place.split(":")[0] ?? place,
);

function nodeOf(number: number): DataNode {
  const name = `dn-${number}`;
  const node: DataNode = new DataNode({
    runtime,
    store: SqliteNodeStore.open(databaseOf(number), diskOf(number)),
    files: new MemoryChunkFiles(),
    sessions: (counter, hello) => new MemorySessionDialer(network, name, runtime, counter, hello),
    bulk: new MemoryBulkClient(network, name, runtime),
    supernodes: new SuperNodes(new MemoryControlDialer(network, name, runtime), [], []),
    joined: joinRequest({ number, diskId: diskOf(number), grpc: `${name}:1` }),
    self: number,
    diskId: diskOf(number),
    map: MAP,
    version: "cost",
    capacityBytes: 1e12,
    scrubPeriodMs: Number.POSITIVE_INFINITY,
    onFatal: (error) => {
      throw error;
    },
  });
  return node;
}

const listeners: MemoryListener[] = [];

async function serve(node: DataNode, number: number): Promise<void> {
  await node.open();
  const sessions = { handler: node, hello: () => node.greeting(), counter: node.counter };
  listeners.push(network.listen(`dn-${number}:1`, { sessions, control: node }));
}

function write(node: DataNode, i: number): Promise<void> {
  const operation = { stamp: 1, random: (2 ** 40 + i).toString(16).padStart(16, "0") };
  const mutate = {
    path: pathOf(i),
    operation,
    attempt: 1,
    budgetMs: 10_000,
    ack: 0,
    put: { version: VERSION, content: CONTENT },
  };
  return new Promise((resolve, reject) => {
    node.request({ id: 1, configuration: 1, mutate }, ({ mutated, failure }) =>
      mutated ? resolve() : reject(new Error(failure?.message)),
    );
  });
}

function say(figures: object): void {
  if (FLAG !== undefined) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function countOf(node: DataNode, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(node.metrics())?.[1]);
}

test("what a node takes over when it comes back is in proportion to what was written, not to what is stored", async () => {
  const nodes = [nodeOf(1), nodeOf(2)];
  await Promise.all(nodes.map((node, at) => serve(node, at + 1)));
  const [first] = nodes;
  if (first === undefined) throw new Error("no node");
  // Spread over all that is stored.
  const written = Array.from({ length: WRITES }, (_, k) => Math.floor((k * FILES) / WRITES));
  for (let at = 0; at < written.length; at += 256) await Promise.all(written.slice(at, at + 256).map((i) => write(first, i)));

  let sentBytes = 0;
  const encode = batchCodec.encode.bind(batchCodec);
  const spy = spyOn(batchCodec, "encode").mockImplementation((batch, sizeBytes) => {
    const bytes = encode(batch, sizeBytes);
    sentBytes += bytes.length;
    return bytes;
  });
  const back = nodeOf(AWAY);
  await serve(back, AWAY);
  const startedMs = performance.now();
  back.start();
  while (countOf(back, "qdfs_catch_up_taken_total") < WRITES || countOf(back, "qdfs_catch_up_behind") > 0) await Bun.sleep(10);
  const tookMs = performance.now() - startedMs;
  spy.mockRestore();
  say({ files: FILES, writes: WRITES, sentBytes, bytesPerWrite: Math.round(sentBytes / WRITES), tookMs: Math.round(tookMs) });
  expect(sentBytes / WRITES).toBeLessThan(4_000);
  for (const listener of listeners) listener.close();
  await Promise.all([...nodes, back].map((node) => node.stop()));
});

test("comparing everything costs some bytes for thousands of files, and some kilobytes for each difference", async () => {
  // One of them forgets some files.
  const stores = [SqliteNodeStore.open(databaseOf(1), diskOf(1)), SqliteNodeStore.open(databaseOf(AWAY), diskOf(AWAY))] as const;
  const [theirs, ours] = stores;
  const lost = [0.1, 0.5, 0.9].map((share) => pathOf(Math.floor(share * FILES)));
  await ours.commit({ accepts: [], trims: [], chunks: [], droppedChunks: [], dropped: lost });
  const fake = new FakeRuntime();
  const replica = { betweenCommits: (run: () => void) => run() };
  const part = { runtime: fake, replica };
  const peer = new HeldRanges({ isDoomed: () => false, ...part, store: theirs, maps: { map: MAP, self: 1 } });
  const maps = { map: MAP, self: AWAY };
  const found: string[] = [];
  let sentBytes = 0;
  const call = async (_: number, configuration: number, body: RequestBody) => {
    if (!body.compare) throw new Error("asked for something else");
    const answer = { id: 1, compared: await peer.answer(body.compare) };
    sentBytes += batchCodec.encode({ counter: 1, requests: [{ id: 1, configuration, ...body }] }).length;
    sentBytes += batchCodec.encode({ counter: 1, answers: [answer] }).length;
    return answer;
  };
  const entropy = new Entropy({
    runtime: fake,
    store: ours,
    maps,
    peers: { call },
    alarms: new Alarms(fake.log),
    isBusy: () => false,
    ranges: new HeldRanges({ isDoomed: () => false, ...part, store: ours, maps }),
    mender: {
      file: async ({ path }) => {
        found.push(path);
        return { kind: "lost", what: path, sizeBytes: 0 };
      },
      chunk: async () => ({ kind: "none", what: "", sizeBytes: 0 }),
    },
    onFatal: (error) => {
      throw error;
    },
  });
  const before = process.cpuUsage();
  await fake.until(entropy.with(1), 1e9);
  const { user, system } = process.cpuUsage(before);
  say({
    compared: FILES,
    differences: lost.length,
    sentBytes,
    cpuUsPerFileOfBoth: Math.round((100 * (user + system)) / FILES) / 100,
  });
  expect(found.sort()).toEqual(lost.sort());
  expect(sentBytes).toBeLessThan(FILES / 10 + lost.length * 16_000);
  for (const store of stores) store.close();
});
