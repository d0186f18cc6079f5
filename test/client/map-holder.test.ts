import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MapCache } from "../../src/client/map-cache.ts";
import { FileMapCache } from "../../src/client/map-cache-files.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import type { ClusterMap } from "../../src/wire/messages.ts";
import { testCluster, testMap, testNode } from "./fakes.ts";

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-cache-"));
  directories.push(directory);
  return directory;
}

function memoryCache(map?: ClusterMap): MapCache & { kept: ClusterMap[] } {
  const kept = map === undefined ? [] : [map];
  return { kept, find: async () => kept.at(-1), keep: async (newer) => void kept.push(newer) };
}

test("any of the addresses is a way in, and a silent one does not hold up the others", async () => {
  const c = testCluster();
  c.control.maps.set("hung:1", () => new Promise<ClusterMap>(() => {}));
  const cache = memoryCache();
  const client = await c.client({ addresses: ["gone:1", "hung:1", "super:1"], cache });
  expect(client.map.clusterId).toBe("c1");
  await c.run(client.close());
  expect(cache.kept).toHaveLength(1);
});

test("a cluster that cannot be reached is said within five seconds, with the addresses and what to do", async () => {
  const c = testCluster();
  const startMs = c.runtime.clock.monotonicMs();
  const error = await c.failure(c.client({ addresses: ["gone:1", "away:2"] }));
  expect(error.code).toBe("CLUSTER_UNREACHABLE");
  for (const word of ["gone:1", "away:2", "QDFS_SUPERNODE"]) expect(error.message).toContain(word);
  expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(5000);
});

test("when no given address answers the cached map says whom else to ask", async () => {
  const c = testCluster();
  c.control.maps.delete("super:1");
  c.control.maps.set("n2:1", () => testMap({ version: 4 }));
  const client = await c.client({ addresses: ["gone:1"], cache: memoryCache(testMap({ version: 3 })) });
  expect(client.map.version).toBe(4);
});

test("the cached map is not used while a given address answers", async () => {
  const c = testCluster();
  const client = await c.client({ cache: memoryCache(testMap({ clusterId: "older-cluster", version: 99 })) });
  expect(client.map.clusterId).toBe("c1");
  expect(c.control.asked).toEqual(["super:1"]);
});

test("a map is never replaced by an older one, nor by another cluster's", async () => {
  let map = testMap({ version: 5 });
  const c = testCluster(() => map);
  const client = await c.client();
  for (const other of [testMap({ version: 4 }), testMap({ clusterId: "c2", version: 9 })]) {
    map = other;
    c.runtime.advance(60_000);
    await c.failure(client.read("/f"));
    expect([client.map.clusterId, client.map.version]).toEqual(["c1", 5]);
  }
});

test("a map in use is fetched again when it is old", async () => {
  let map = testMap();
  const c = testCluster(() => map);
  const client = await c.client();
  map = testMap({ version: 2, nodes: [testNode(1), testNode(2), testNode(3), testNode(4)] });
  c.runtime.advance(60_000);
  await c.failure(client.read("/f"));
  expect(client.map.version).toBe(2);
});

test("a cluster that has not assigned its partitions yet says what it waits for", async () => {
  const c = testCluster(() => testMap({ partitions: [], waitingFor: "2 more DataNodes" }));
  const client = await c.client();
  const error = await c.failure(client.read("/f"));
  expect(error.code).toBe("CLUSTER_WAITING");
  expect(error.message).toContain("2 more DataNodes");
});

test("the cache on disk keeps the newest map of each cluster and finds it by any address", async () => {
  const directory = join(freshDirectory(), "made", "on", "demand");
  const cache = new FileMapCache(directory, new FakeRuntime().random);
  expect(await cache.find(["super:1"])).toBeUndefined();
  await cache.keep(testMap({ version: 2 }), ["alias:7000"]);
  await cache.keep(testMap({ version: 1 }), ["other:7000"]);
  for (const address of ["alias:7000", "other:7000", "super:1", "n3:1"]) {
    expect((await cache.find([address]))?.version).toBe(2);
  }
  expect(await cache.find(["stranger:1"])).toBeUndefined();
  expect(await cache.find(["super:1"])).toEqual(testMap({ version: 2 }));
  expect(readdirSync(directory)).toEqual(["c1.map.json"]);
});

test("a damaged cache file counts as none", async () => {
  const directory = freshDirectory();
  for (const [name, text] of Object.entries({
    a: "",
    b: "{",
    c: "[1]",
    d: `{"format":1,"addresses":["x:1"],"map":"/////w=="}`,
  })) {
    writeFileSync(join(directory, `${name}.map.json`), text);
  }
  const cache = new FileMapCache(directory, new FakeRuntime().random);
  expect(await cache.find(["x:1"])).toBeUndefined();
  await cache.keep(testMap({ clusterId: "a" }), ["x:1"]);
  expect((await cache.find(["x:1"]))?.clusterId).toBe("a");
});

test("another cluster's map in a cluster's cache file gives way, however new it is", async () => {
  const directory = freshDirectory();
  const cache = new FileMapCache(directory, new FakeRuntime().random);
  await cache.keep(testMap({ clusterId: "other", version: 99 }), ["x:1"]);
  renameSync(join(directory, "other.map.json"), join(directory, "c1.map.json"));
  await cache.keep(testMap({ version: 2 }), ["super:1"]);
  expect(await cache.find(["super:1"])).toEqual(testMap({ version: 2 }));
  expect(await cache.find(["x:1"])).toBeUndefined();
});

test("a cache that cannot be written is done without", async () => {
  const cache = new FileMapCache("/proc/nowhere/qdfs", new FakeRuntime().random);
  await cache.keep(testMap(), ["x:1"]);
  expect(await cache.find(["x:1"])).toBeUndefined();
});
