import { expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import type { Client } from "../../src/client/client.ts";
import { RETRY_BASE_MS } from "../../src/limits.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { NodeState } from "../../src/wire/messages.ts";
import {
  HELD_ABSENT,
  held,
  mutated,
  refused,
  silence,
  someBytes,
  testCluster,
  testHead,
  testMap,
  testNode,
  testVersion,
} from "./fakes.ts";

const bytes = someBytes(40);
const older = testVersion(1, someBytes(30));
const head = testHead(testVersion(2, bytes), [older]);

test("a strong read asks R replicas, one of them for content", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(head, bytes));
  const client = await c.client();
  const result = await c.run(client.read("/f"));
  expect(result).toMatchObject({ path: "/f", guarantee: "linearizable" });
  expect(result.version.version).toBe(2);
  expect(c.sessions.calls.map(({ body }) => body.read?.want).sort()).toEqual([0, 2]);
});

test("an eventual read asks one replica and says what it is", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(head, bytes));
  const client = await c.client();
  expect((await c.run(client.read("/f", { consistency: "eventual" }))).guarantee).toBe("eventual");
  expect(c.sessions.calls).toHaveLength(1);
});

test("an eventual read takes the word of one that is behind only when no other knows more", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, () => HELD_ABSENT);
  c.sessions.scripts.set(2, () => HELD_ABSENT);
  c.sessions.scripts.set(3, () => held(head, bytes));
  const client = await c.client();
  expect((await c.run(client.read("/f", { consistency: "eventual" }))).node).toBe("dn-3");
  c.sessions.scripts.delete(3);
  expect((await c.failure(client.read("/f", { consistency: "eventual" }))).code).toBe("NOT_FOUND");
});

test("an eventual read works with one replica left, a strong one says what it needs", async () => {
  const c = testCluster();
  c.sessions.scripts.set(2, () => held(head, bytes));
  const client = await c.client();
  expect((await c.run(client.read("/f", { consistency: "eventual" }))).version.version).toBe(2);
  const startMs = c.runtime.clock.monotonicMs();
  const error = await c.failure(client.read("/f"));
  expect(error.code).toBe("QUORUM_UNAVAILABLE");
  expect(error.message).toContain("2 of 3");
  expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(5000);
});

test("a read meets a stale configuration by fetching the map, and begins again at once", async () => {
  let map = testMap();
  const c = testCluster(() => map);
  const newer = testMap({ version: 2 }, { number: 2, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] });
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, () => {
      if (map === newer) return held(head, bytes);
      c.control.maps.set(`n${node}:1`, () => newer);
      map = newer;
      return new QdfsError("CONFIGURATION_STALE", "newer map here");
    });
  }
  const client = await c.client();
  const beganMs = c.runtime.clock.monotonicMs();
  expect((await c.run(client.read("/f"))).version.version).toBe(2);
  expect(c.runtime.clock.monotonicMs() - beganMs).toBeLessThan(RETRY_BASE_MS / 2);
});

test("an undecided read is settled by a coordinator, the next one when the first does not answer", async () => {
  const c = testCluster();
  const settled = { settled: { ballot: ABSENT, head: new Uint8Array() } };
  c.sessions.scripts.set(1, ({ read }) => (read ? held(head, bytes, 5, false) : silence()));
  c.sessions.scripts.set(2, ({ read }) => (read ? held(head, bytes, 4, false) : settled));
  c.sessions.scripts.set(3, ({ read }) => (read ? held(head, bytes, 3, false) : settled));
  const client = await c.client();
  expect((await c.failure(client.read("/f"))).code).toBe("NOT_FOUND");
  const asked = c.sessions.calls.filter(({ body }) => body.settle).map(({ node }) => node);
  expect(asked).toEqual([1, 2]);
});

test("a version that is not kept is NOT_FOUND, saying which are", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(head, undefined));
  const client = await c.client();
  const error = await c.failure(client.get("/f", { version: 7 }));
  expect(error.code).toBe("NOT_FOUND");
  expect(error.message).toContain("@2 @1");
});

test("a deleted file is NOT_FOUND, but its versions are told", async () => {
  const c = testCluster();
  const deleted = testHead(testVersion(3, new Uint8Array(), { tombstone: true }), [head.current, older]);
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(deleted, undefined));
  const client = await c.client();
  const error = await c.failure(client.get("/f"));
  expect(error.code).toBe("NOT_FOUND");
  expect(error.message).toContain("deleted by version 3");
  expect((await c.run(client.versions("/f"))).map(({ version }) => version)).toEqual([3, 2, 1]);
});

test("what only records a refusal for a file that never existed is no file", async () => {
  const c = testCluster();
  const nothing = testHead(testVersion(0, new Uint8Array(), { tombstone: true }));
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(nothing, undefined));
  const client = await c.client();
  expect((await c.failure(client.get("/f"))).message).toContain("does not exist");
  expect((await c.failure(client.versions("/f"))).code).toBe("NOT_FOUND");
});

test("bad paths are refused before anything is sent", async () => {
  const c = testCluster();
  const client = await c.client();
  for (const path of ["", "/", "a//b", "../x", "a\u0000b", "x".repeat(1025)]) {
    expect((await c.failure(client.put(path, bytes))).code).toBe("BAD_PATH");
    expect((await c.failure(client.get(path))).code).toBe("BAD_PATH");
  }
  expect(c.sessions.calls).toEqual([]);
});

test("stat tells what each replica holds", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, () => held(head, undefined, 5));
  c.sessions.scripts.set(2, () => held(testHead(older), undefined, 4));
  const client = await c.client();
  const stat = await c.run(client.stat("/f"));
  expect(stat.version.version).toBe(2);
  const [first, second, third] = stat.replicas;
  expect(first).toMatchObject({ node: "dn-1", state: "current", version: 2 });
  expect(second).toMatchObject({ node: "dn-2", state: "behind", version: 1 });
  expect(third).toMatchObject({ node: "dn-3", state: "unreachable", cause: "connection refused" });
});

test("a move removes exactly what it copied", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ read, mutate }) => (read ? held(head, bytes) : mutate ? mutated(mutate, 3) : silence()));
  }
  const client = await c.client();
  expect(await c.run(client.move("/a", "/b"))).toMatchObject({ path: "/b", version: 3 });
  const [copy, removal] = c.sessions.mutations;
  expect(copy).toMatchObject({ path: "/b" });
  expect(copy?.put?.version).toMatchObject({ modifiedAtMs: 1002, mode: 0o644 });
  expect(removal).toMatchObject({ path: "/a", precondition: { absent: false, version: 2, random: "op2" } });
  expect((await c.failure(client.move("/a", "a/"))).code).toBe("BAD_USAGE");
});

test("a move of a file that changes meanwhile keeps both", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ read, mutate }) => {
      if (read) return held(head, bytes);
      if (!mutate) return silence();
      return mutate.put ? mutated(mutate, 1) : refused(mutate, "VERSION_DIFFERS", 3);
    });
  }
  const client = await c.client();
  const error = await c.failure(client.move("/a", "/b"));
  expect(error.code).toBe("VERSION_DIFFERS");
  expect(error.message).toContain("/a was changed or removed by somebody else while it was moved");
});

test("removing and restoring what is not there is NOT_FOUND", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3])
    c.sessions.scripts.set(node, ({ mutate }) => (mutate ? refused(mutate, "NOT_FOUND", 0) : silence()));
  const client = await c.client();
  expect((await c.failure(client.remove("/a"))).code).toBe("NOT_FOUND");
  expect((await c.failure(client.restore("/a", 4))).message).toContain("version 4");
});

test("a listing is fetched page by page and says what may be missing", async () => {
  const c = testCluster();
  const entry = (path: string) => ({ ...EMPTY_ENTRY, path });
  c.control.others.list = async ({ after, limit }) => ({
    entries: ["/a", "/b", "/c", "/d"]
      .filter((path) => path > after)
      .slice(0, Math.min(limit, 2))
      .map(entry),
    more: after < "/b",
    incomplete: after === "" ? "" : "dn-2 is not reachable",
    ageMs: 3,
    prefixIsFile: false,
  });
  const client = await c.client();
  const all = async (limit?: number) => {
    const listing = client.list("/", { limit });
    const paths: string[] = [];
    for await (const { path } of listing) paths.push(path);
    return { paths, incomplete: listing.incomplete };
  };
  expect(await c.run(all())).toEqual({ paths: ["/a", "/b", "/c", "/d"], incomplete: "dn-2 is not reachable" });
  expect(await c.run(all(1))).toEqual({ paths: ["/a"], incomplete: "" });
});

const EMPTY_ENTRY = { directory: false, sizeBytes: 0, version: 1, modifiedAtMs: 0, writtenAtMs: 0, by: "", checksum: "" };

test("without a SuperNode listings say so while files go on", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(head, bytes));
  c.control.maps.set("n1:1", () => testMap());
  c.control.others.status = async () => {
    throw new QdfsError("NOT_ALLOWED", "a DataNode");
  };
  c.control.maps.delete("super:1");
  const client = await c.client({ addresses: ["n1:1"] });
  const error = await c.failure(client.status());
  expect(error.code).toBe("CLUSTER_UNREACHABLE");
  expect(error.message).toContain("n1:1 is a DataNode");
  expect((await c.run(client.read("/f"))).version.version).toBe(2);
});

test("a SuperNode that refuses with its arithmetic is not said to be away, and is asked once", async () => {
  const c = testCluster();
  let asked = 0;
  c.control.others.setQuorum = async () => {
    asked += 1;
    throw new QdfsError("CLUSTER_WAITING", "n = 5 replicas need 5 DataNodes", { need: 5, got: 3 });
  };
  const client = await c.client();
  const error = await c.failure(client.setQuorum({ n: 5, w: 3, r: 3, name: "custom", dryRun: false }));
  expect([error.code, error.message, asked]).toEqual(["CLUSTER_WAITING", "n = 5 replicas need 5 DataNodes", 1]);
});

test("a SuperNode that is frozen, not dead, is said within five seconds, finding the cluster included", async () => {
  const c = testCluster();
  const frozen = () => new Promise<never>(() => {});
  c.control.maps.set("super:1", frozen);
  c.control.maps.set("n2:1", () => testMap());
  Object.assign(c.control.others, { list: frozen, status: frozen, usage: frozen });
  const calls: readonly ((client: Client) => Promise<unknown>)[] = [
    (client) => client.status(),
    (client) => client.usage("/"),
    (client) => client.list("/")[Symbol.asyncIterator]().next(),
  ];
  for (const call of calls) {
    const startMs = c.runtime.clock.monotonicMs();
    const cache = { find: async () => testMap(), keep: async () => {} };
    const error = await c.failure(call(await c.client({ cache })));
    expect([error.code, error.message.includes("super:1 gives no answer")]).toEqual(["CLUSTER_UNREACHABLE", true]);
    expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(4_800);
  }
});

test("reads follow latency, and whoever is silent or down comes last", async () => {
  const c = testCluster(() => testMap({ nodes: [testNode(1), testNode(2, NodeState.DOWN), testNode(3)] }));
  for (const node of [2, 3]) c.sessions.scripts.set(node, () => held(head, bytes));
  c.sessions.scripts.set(1, async () => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(30, resolve));
    return held(head, bytes);
  });
  c.sessions.states.set(2, "connecting");
  const client = await c.client();
  for (let i = 0; i < 10; i += 1) await c.run(client.read("/f", { consistency: "eventual" }));
  expect(c.sessions.calls.filter(({ node }) => node === 1).length).toBeLessThan(3);
  c.sessions.calls.length = 0;
  for (let i = 0; i < 10; i += 1) await c.run(client.read("/f", { consistency: "eventual" }));
  expect(new Set(c.sessions.calls.map(({ node }) => node))).toEqual(new Set([3]));
  c.sessions.states.set(3, "silent");
  c.sessions.calls.length = 0;
  await c.run(client.read("/f", { consistency: "eventual" }));
  expect(c.sessions.calls.map(({ node }) => node)).toEqual([1]);
});

test("with equal replicas no one is asked always", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, () => held(head, bytes));
  const client = await c.client();
  for (let i = 0; i < 60; i += 1) await c.run(client.read("/f", { consistency: "eventual" }));
  const asked = (node: number) => c.sessions.calls.filter((call) => call.node === node).length;
  expect(asked(1)).toBeGreaterThan(5);
  expect(asked(2)).toBeGreaterThan(5);
  expect(asked(3)).toBeGreaterThan(5);
});

test("explain shows the order, the quorums and who answered", async () => {
  const c = testCluster();
  for (const node of [1, 2]) c.sessions.scripts.set(node, () => held(head, bytes));
  c.sessions.states.set(3, "unreachable");
  const client = await c.client();
  const got = await c.run(client.explain("get", "/f"));
  expect(got.quorum).toEqual({ n: 3, w: 2, r: 2 });
  expect(got.read).toMatchObject({ version: 2, sizeBytes: 40, settled: false });
  expect(got.read?.asked).toHaveLength(2);
  expect(got.order.at(-1)).toBe("dn-3");
  expect(got.replicas.map(({ holds }) => holds.state)).toEqual(["current", "current", "unreachable"]);
  const put = await c.run(client.explain("put", "/f"));
  expect(put.order).toEqual(["dn-1", "dn-2", "dn-3"]);
  expect(put.read).toBeUndefined();
});
