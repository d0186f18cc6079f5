import { expect, test } from "bun:test";
import { checksumOf } from "../../src/base/checksum.ts";
import { QdfsError } from "../../src/base/errors.ts";
import { chunkSizeFor } from "../../src/client/upload.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { CHUNK_BYTES_DEFAULT, CHUNKS_IN_FLIGHT, CHUNKS_MAX } from "../../src/limits.ts";
import type { ClusterMap, Version } from "../../src/wire/messages.ts";
import {
  collect,
  HELD_ABSENT,
  held,
  inPieces,
  mutated,
  silence,
  someBytes,
  type TestCluster,
  testCluster,
  testHead,
  testMap,
  testNode,
  testVersion,
} from "./fakes.ts";

/** Nodes that accept every put and then serve what was put last. */
function remembering(c: TestCluster): { current?: Version } {
  const kept: { current?: Version; content?: Uint8Array } = {};
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ mutate, read }) => {
      if (mutate?.put) {
        kept.current = { ...mutate.put.version, version: 1, operation: mutate.operation };
        kept.content = mutate.put.content;
        return mutated(mutate, 1);
      }
      if (!read) return new QdfsError("BAD_REQUEST", "?");
      if (kept.current === undefined) return HELD_ABSENT;
      return held(testHead(kept.current), kept.current.chunks === null ? kept.content : undefined);
    });
  }
  return kept;
}

/** Everything but the register of /big is on nodes 4, 5 and 6. */
function movedMap(): ClusterMap {
  const map = testMap({ version: 2, nodes: [1, 2, 3, 4, 5, 6].map((number) => testNode(number)) });
  const there = { number: 3, sets: [{ nodes: [4, 5, 6], w: 2, r: 2, since: [] }] };
  const here = partitionOf(map, "/big");
  return { ...map, partitions: map.partitions.map((configuration, at) => (at === here ? configuration : there)) };
}

const HTTP = ["n1:2", "n2:2", "n3:2"];

test("content of every size around the bounds comes back as it went in", async () => {
  for (const sizeBytes of [0, 1, 99, 100, 101, 999, 1000, 1001, 2000, 12_345]) {
    const c = testCluster();
    remembering(c);
    const client = await c.client();
    const bytes = someBytes(sizeBytes);
    const progress: number[] = [];
    const result = await c.run(client.put("/f", inPieces(bytes, 77), { onProgress: (done) => progress.push(done) }));
    expect(result).toMatchObject({ sizeBytes, checksum: checksumOf(bytes) });
    expect(progress.at(-1)).toBe(sizeBytes);
    const back = await c.run(client.get("/f").then(({ body }) => collect(body)));
    expect(Buffer.compare(back, bytes)).toBe(0);
    expect(Buffer.compare((await c.run(client.read("/f"))).bytes, bytes)).toBe(0);
    const chunks = c.bulk.chunks.get("n1:2")?.size ?? 0;
    expect(chunks).toBe(sizeBytes <= 100 ? 0 : Math.ceil(sizeBytes / 1000));
  }
});

test("pieces of a body stay as they are, and those of a passing one use a bounded amount of memory again", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  const bytes = someBytes(30_500);
  await c.run(client.put("/f", bytes));
  const pieces: Uint8Array[] = [];
  const kept = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const piece of body) pieces.push(piece);
  };
  await c.run(client.get("/f").then(({ body }) => kept(body)));
  expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0);

  const rooms = new Set<ArrayBufferLike>();
  const copied: Uint8Array[] = [];
  const passed = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const piece of body) {
      rooms.add(piece.buffer);
      copied.push(piece.slice());
    }
  };
  await c.run(client.get("/f").then(({ passingBody }) => passed(passingBody)));
  expect(Buffer.compare(Buffer.concat(copied), bytes)).toBe(0);
  expect(rooms.size).toBeLessThanOrEqual(CHUNKS_IN_FLIGHT + 1);
});

test("bytes given at once and bytes given as a stream are stored alike", async () => {
  const c = testCluster();
  const kept = remembering(c);
  const client = await c.client();
  const bytes = someBytes(5500);
  await c.run(client.put("/f", bytes));
  const once = kept.current?.chunks?.checksums;
  await c.run(client.put("/f", inPieces(bytes, 1024)));
  expect(kept.current?.chunks?.checksums).toEqual(once as never);
});

test("a chunk is durable at W: one unreachable store is hardly noticed", async () => {
  const c = testCluster();
  remembering(c);
  c.bulk.faults.set("n2:2", "unreachable");
  const client = await c.client();
  const bytes = someBytes(20_000);
  const result = await c.run(client.put("/f", bytes));
  expect(result.elapsedMs).toBeLessThan(300);
  expect(c.bulk.chunks.get("n2:2")).toBeUndefined();
  expect(Buffer.compare(await c.run(client.get("/f").then(({ body }) => collect(body))), bytes)).toBe(0);
});

test("a store that hangs is given up and spared, and the upload goes on", async () => {
  const c = testCluster();
  remembering(c);
  c.bulk.faults.set("n2:2", "silent");
  const client = await c.client();
  const result = await c.run(client.put("/f", someBytes(100_000)));
  expect(result.elapsedMs).toBeLessThan(2500);
  expect(c.bulk.chunks.get("n1:2")?.size).toBe(100);
});

test("fewer than W stores is a definite failure that names the chunk and the arithmetic, and nothing is proposed", async () => {
  const c = testCluster();
  remembering(c);
  c.bulk.faults.set("n2:2", "unreachable");
  c.bulk.faults.set("n3:2", "unreachable");
  const client = await c.client();
  const startMs = c.runtime.clock.monotonicMs();
  const error = await c.failure(client.put("/big", someBytes(5000)));
  expect(error.code).toBe("QUORUM_UNAVAILABLE");
  expect(error.message).toMatch(/chunk \d of \/big needs 2 of 3, got 1 \(.*connection refused/);
  expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(5000);
  expect(c.sessions.mutations).toHaveLength(0);
});

test("stores without room are told apart from stores that are gone", async () => {
  const c = testCluster();
  remembering(c);
  c.bulk.faults.set("n2:2", "full");
  c.bulk.faults.set("n3:2", "full");
  const client = await c.client();
  expect((await c.failure(client.put("/big", someBytes(5000)))).code).toBe("STORAGE_FULL");
});

test("a store that comes back in time is used", async () => {
  const c = testCluster();
  remembering(c);
  c.bulk.faults.set("n2:2", "unreachable");
  c.bulk.faults.set("n3:2", "unreachable");
  c.runtime.timers.after(1000, () => c.bulk.faults.delete("n3:2"));
  const client = await c.client();
  await c.run(client.put("/big", someBytes(5000)));
});

test("an upload holds a bounded number of chunks, however large the file", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  await c.run(client.put("/big", inPieces(someBytes(200_000), 1 << 16)));
  expect(c.bulk.underWayMax).toBeLessThanOrEqual(3 * 6);
});

test("a source that fails ends the put with its error, and nothing is proposed", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  async function* failing(): AsyncGenerator<Uint8Array, undefined> {
    yield someBytes(3000);
    throw new QdfsError("LOCAL_FILE", "it changed while it was read");
  }
  expect((await c.failure(client.put("/big", failing()))).code).toBe("LOCAL_FILE");
  expect(c.sessions.mutations).toHaveLength(0);
});

test("an interrupted upload ends although its source stands still, and nothing is proposed", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  async function* standing(): AsyncGenerator<Uint8Array, undefined> {
    yield someBytes(1500);
    await new Promise(() => {});
  }
  const stop = new AbortController();
  c.runtime.timers.after(50, () => stop.abort());
  expect((await c.failure(client.put("/big", standing(), { signal: stop.signal }))).code).toBe("INTERRUPTED");
  expect((await c.failure(client.put("/big", standing(), { timeoutMs: 100 }))).code).toBe("DEADLINE");
  expect(c.sessions.mutations).toHaveLength(0);
});

test("a condition that does not hold is told before anything large is sent", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  await c.run(client.put("/big", someBytes(10)));
  expect((await c.failure(client.put("/big", someBytes(5000), { ifAbsent: true }))).code).toBe("ALREADY_EXISTS");
  expect((await c.failure(client.put("/big", someBytes(5000), { ifVersion: { version: 9 } }))).code).toBe("VERSION_DIFFERS");
  expect(c.bulk.chunks.size).toBe(0);
});

for (const fault of ["corrupt", "missing", "unreachable", "silent"] as const) {
  test(`a ${fault} copy of a chunk is read from another replica`, async () => {
    const c = testCluster();
    remembering(c);
    const client = await c.client();
    const bytes = someBytes(8000);
    await c.run(client.put("/big", bytes));
    c.bulk.faults.set("n1:2", fault);
    c.bulk.faults.set("n3:2", fault);
    const body = await c.run(client.get("/big").then((got) => collect(got.body)));
    expect(Buffer.compare(body, bytes)).toBe(0);
    if (fault === "corrupt" || fault === "missing") expect(c.bulk.reports.length).toBeGreaterThan(0);
    else expect(c.bulk.reports).toEqual([]);
  });
}

test("no valid copy anywhere is CORRUPT, and no wrong byte is passed on", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  await c.run(client.put("/big", someBytes(5000)));
  for (const http of HTTP) c.bulk.faults.set(http, "corrupt");
  let passed = 0;
  const reading = async () => {
    for await (const piece of (await client.get("/big")).body) passed += piece.length;
  };
  const error = await c.failure(reading());
  expect(error.code).toBe("CORRUPT");
  expect(error.message).toContain("dn-3");
  expect(passed).toBe(0);
});

test("a chunk that has moved to other nodes, of which the client is yet to hear, is read from them", async () => {
  const [before, after] = [testMap(), movedMap()];
  let map = before;
  const c = testCluster(() => map);
  remembering(c);
  const client = await c.client();
  const bytes = someBytes(5000);
  await c.run(client.put("/big", bytes));
  map = after;
  for (const [at, http] of HTTP.entries()) {
    c.bulk.chunks.set(`n${at + 4}:2`, c.bulk.chunks.get(http) ?? new Map());
    c.bulk.chunks.delete(http);
  }
  expect(Buffer.compare((await c.run(client.read("/big"))).bytes, bytes)).toBe(0);
});

test("while a copy may just be out of reach it is not called corrupt", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  await c.run(client.put("/big", someBytes(5000)));
  c.bulk.faults.set("n1:2", "corrupt");
  c.bulk.faults.set("n2:2", "missing");
  c.bulk.faults.set("n3:2", "unreachable");
  expect((await c.failure(client.get("/big").then(({ body }) => collect(body)))).code).toBe("QUORUM_UNAVAILABLE");
});

test("a range fetches the chunks that it touches and no others", async () => {
  const c = testCluster();
  remembering(c);
  const client = await c.client();
  const bytes = someBytes(10_000);
  await c.run(client.put("/big", bytes));
  for (const [start, end] of [
    [0, 0],
    [999, 1000],
    [2500, 4499],
    [9990, 99_999],
  ] as const) {
    c.bulk.gets.length = 0;
    const part = await c.run(client.get("/big", { range: { start, end } }).then(({ body }) => collect(body)));
    expect(Buffer.compare(part, bytes.subarray(start, end + 1))).toBe(0);
    const last = Math.min(end, 9999);
    expect(c.bulk.gets).toHaveLength(Math.floor(last / 1000) - Math.floor(start / 1000) + 1);
  }
  expect((await c.failure(client.get("/big", { range: { start: 10_000, end: 10_001 } }))).code).toBe("BAD_USAGE");
});

test("chunks double for what would need too many of them", () => {
  expect(chunkSizeFor(0, CHUNK_BYTES_DEFAULT)).toBe(CHUNK_BYTES_DEFAULT);
  expect(chunkSizeFor(CHUNKS_MAX * CHUNK_BYTES_DEFAULT, CHUNK_BYTES_DEFAULT)).toBe(CHUNK_BYTES_DEFAULT);
  expect(chunkSizeFor(CHUNKS_MAX * CHUNK_BYTES_DEFAULT + 1, CHUNK_BYTES_DEFAULT)).toBe(2 * CHUNK_BYTES_DEFAULT);
});

test("inline bytes that do not have their checksum are fetched from another replica", async () => {
  const c = testCluster();
  const bytes = someBytes(50);
  const head = testHead(testVersion(3, bytes));
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ read, fetch }) => {
      if (read) return held(head, someBytes(50, 99));
      if (!fetch) return silence();
      expect(fetch.random).toBe("op3");
      return { fetched: { held: node !== 1, content: node === 2 ? bytes : someBytes(50, 98) } };
    });
  }
  const client = await c.client();
  expect(Buffer.compare((await c.run(client.read("/f"))).bytes, bytes)).toBe(0);
  c.sessions.scripts.set(2, ({ read }) =>
    read ? held(head, someBytes(50, 99)) : { fetched: { held: false, content: new Uint8Array() } },
  );
  expect((await c.failure(client.read("/f"))).code).toBe("CORRUPT");
});

test("an eventual read whose replica is behind, with damaged bytes that nobody else keeps, is answered with what is current", async () => {
  const c = testCluster();
  const [old, bytes] = [someBytes(50, 1), someBytes(50, 2)];
  const [before, now] = [testHead(testVersion(1, old)), testHead(testVersion(9, bytes))];
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ read, fetch }) => {
      if (read) return node === 3 ? held(before, someBytes(50, 99), 1) : held(now, bytes, 9);
      return fetch ? { fetched: { held: node === 3, content: someBytes(50, 99) } } : silence();
    });
  }
  const client = await c.client();
  const guarantees = new Set<string>();
  for (let reads = 0; reads < 40; reads += 1) {
    const result = await c.run(client.read("/f", { consistency: "eventual" }));
    expect(Buffer.compare(result.bytes, bytes)).toBe(0);
    guarantees.add(result.guarantee);
  }
  expect([...guarantees].sort()).toEqual(["eventual", "linearizable"]);
});
