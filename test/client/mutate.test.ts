import { expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import { BUSY_PATIENCE_MS, HEDGE_MS } from "../../src/limits.ts";
import { mutated, refused, silence, testCluster, testMap } from "./fakes.ts";

const bytes = new TextEncoder().encode("hello");

function applies(version: number) {
  return ({ mutate }: { mutate?: Parameters<typeof mutated>[0] | null }) =>
    mutate ? mutated(mutate, version) : new QdfsError("BAD_REQUEST", "?");
}

test("a put goes to the home, once, and says what it is worth", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, applies(7));
  const client = await c.client();
  const result = await c.run(client.put("a/b", bytes, { modifiedAtMs: 5, mode: 0o600, contentType: "text/plain", by: "me" }));
  expect(result).toMatchObject({ path: "/a/b", version: 7, sizeBytes: 5, guarantee: "linearizable", acks: 2, node: "dn-1" });
  expect(result.checksum).toBe("xxh3:9555e8555c62dcfd");
  expect(c.sessions.mutations).toHaveLength(1);
  const [sent] = c.sessions.mutations;
  expect(sent).toMatchObject({ node: 1, attempt: 1, ack: 0, precondition: null });
  expect(sent?.put?.version).toMatchObject({ modifiedAtMs: 5, mode: 0o600, contentType: "text/plain", by: "me" });
});

test("operations of a burst have stamps of their own, at or above what the cluster said", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, applies(1));
  const client = await c.client();
  await c.run(Promise.all(Array.from({ length: 50 }, () => client.put("/hot", bytes))));
  const stamps = new Set(c.sessions.mutations.map(({ operation }) => operation.stamp));
  expect(stamps.size).toBe(50);
  expect(Math.min(...stamps)).toBeGreaterThanOrEqual(c.control.counter);
});

test("a node that cannot be reached costs nothing: the next one gets the same first attempt", async () => {
  const c = testCluster();
  c.sessions.scripts.set(2, applies(1));
  const client = await c.client();
  expect((await c.run(client.put("/f", bytes))).node).toBe("dn-2");
  const [first, second] = c.sessions.mutations;
  expect([first?.node, first?.attempt]).toEqual([1, 1]);
  expect([second?.node, second?.attempt]).toEqual([2, 1]);
  expect(second?.operation).toEqual(first?.operation as never);
});

test("past a silent node the same operation goes to the next replica as a later attempt", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, () => {
    c.sessions.states.set(1, "silent");
    return silence();
  });
  c.sessions.scripts.set(2, applies(3));
  const client = await c.client();
  const result = await c.run(client.put("/f", bytes));
  expect(result).toMatchObject({ node: "dn-2", version: 3 });
  expect(result.elapsedMs).toBeLessThan(2 * HEDGE_MS);
  const [first, second] = c.sessions.mutations;
  expect(second?.attempt).toBe(2);
  expect(second?.operation).toEqual(first?.operation as never);
});

test("behind other writers of its file at a node that answers others an operation waits its turn, and not for ever", async () => {
  const c = testCluster();
  let turnMs = 3 * HEDGE_MS;
  c.sessions.scripts.set(1, async ({ mutate }) => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(turnMs, resolve));
    if (!mutate) throw new Error("?");
    return mutated(mutate, 9);
  });
  c.sessions.scripts.set(2, applies(3));
  const client = await c.client();
  expect(await c.run(client.put("/f", bytes))).toMatchObject({ node: "dn-1", version: 9 });
  expect(c.sessions.mutations).toHaveLength(1);
  turnMs = 60_000;
  const result = await c.run(client.put("/f", bytes));
  expect(result).toMatchObject({ node: "dn-2", version: 3 });
  expect(result.elapsedMs).toBeGreaterThanOrEqual(BUSY_PATIENCE_MS);
  expect(result.elapsedMs).toBeLessThan(BUSY_PATIENCE_MS + 2 * HEDGE_MS);
});

test("a lost connection is followed at once by a later attempt elsewhere", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, () => new QdfsError("NODE_SILENT", "connection lost"));
  c.sessions.scripts.set(2, applies(3));
  const client = await c.client();
  const result = await c.run(client.put("/f", bytes));
  expect(result.elapsedMs).toBeLessThan(50);
  expect(c.sessions.mutations.map(({ attempt }) => attempt)).toEqual([1, 2]);
});

test("a first attempt that answers after all wins", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, async ({ mutate }) => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(HEDGE_MS + 100, resolve));
    if (!mutate) throw new Error("?");
    return mutated(mutate, 9);
  });
  c.sessions.scripts.set(2, silence);
  const client = await c.client();
  expect(await c.run(client.put("/f", bytes))).toMatchObject({ node: "dn-1", version: 9 });
});

test("a refusal is the answer and is not tried elsewhere", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3])
    c.sessions.scripts.set(node, ({ mutate }) => (mutate ? refused(mutate, "ALREADY_EXISTS", 4) : silence()));
  const client = await c.client();
  const error = await c.failure(client.put("/f", bytes, { ifAbsent: true }));
  expect(error.code).toBe("ALREADY_EXISTS");
  expect(error.message).toContain("version 4");
  expect(c.sessions.mutations).toHaveLength(1);
  expect(c.sessions.mutations[0]?.precondition).toEqual({ absent: true, version: 0, random: "" });
});

test("a first attempt's refusal is not the last word while another attempt may still apply the operation", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, async ({ mutate }) => {
    c.sessions.states.set(1, "silent");
    await new Promise<void>((resolve) => void c.runtime.timers.after(HEDGE_MS + 100, resolve));
    if (!mutate) throw new Error("?");
    return refused(mutate, "ALREADY_EXISTS", 4);
  });
  c.sessions.scripts.set(2, async ({ mutate }) => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(500, resolve));
    if (!mutate) throw new Error("?");
    return mutated(mutate, 6);
  });
  c.sessions.scripts.set(3, silence);
  const client = await c.client();
  expect(await c.run(client.put("/f", bytes, { ifAbsent: true }))).toMatchObject({ version: 6, node: "dn-2" });
});

test("a first attempt's refusal stands when every other attempt failed definitely", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, async ({ mutate }) => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(HEDGE_MS + 100, resolve));
    if (!mutate) throw new Error("?");
    return refused(mutate, "ALREADY_EXISTS", 4);
  });
  c.sessions.scripts.set(2, async () => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(150, resolve));
    throw new QdfsError("CONFLICT", "busy");
  });
  const client = await c.client();
  expect((await c.failure(client.put("/f", bytes, { ifAbsent: true }))).code).toBe("ALREADY_EXISTS");
});

test("a later attempt's refusal is recorded and therefore final", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, silence);
  c.sessions.scripts.set(2, ({ mutate }) => (mutate ? refused(mutate, "VERSION_DIFFERS", 8) : silence()));
  const client = await c.client();
  const error = await c.failure(client.put("/f", bytes, { ifVersion: { version: 7 } }));
  expect(error.code).toBe("VERSION_DIFFERS");
  expect(error.message).toContain("8");
});

test("too few replicas is said with its arithmetic, within five seconds, as a definite failure", async () => {
  const c = testCluster();
  c.sessions.scripts.set(3, async () => {
    await new Promise<void>((resolve) => void c.runtime.timers.after(1500, resolve));
    throw new QdfsError("QUORUM_UNAVAILABLE", "write needs 2 of 3, got 1 (dn-1: refused; dn-2: refused)");
  });
  const client = await c.client();
  const startMs = c.runtime.clock.monotonicMs();
  const error = await c.failure(client.put("/f", bytes));
  expect(error.code).toBe("QUORUM_UNAVAILABLE");
  expect(error.message).toContain("2 of 3");
  expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(5000);
});

test("no replica at all is QUORUM_UNAVAILABLE too, naming each cause", async () => {
  const c = testCluster();
  const client = await c.client();
  const error = await c.failure(client.put("/f", bytes));
  expect(error.code).toBe("QUORUM_UNAVAILABLE");
  expect(error.message).toContain("2 of 3");
  for (const node of ["dn-1", "dn-2", "dn-3"]) expect(error.message).toContain(`${node}: connection refused`);
});

test("every later attempt after definite failures alone is a first attempt again", async () => {
  const c = testCluster();
  let conflicts = 0;
  for (const node of [1, 2, 3]) {
    c.sessions.scripts.set(node, ({ mutate }) => {
      conflicts += 1;
      if (conflicts <= 5 || !mutate) return new QdfsError("CONFLICT", "busy");
      return mutated(mutate, 2);
    });
  }
  const client = await c.client();
  await c.run(client.put("/f", bytes));
  expect(c.sessions.mutations.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(new Set(c.sessions.mutations.map(({ operation }) => operation.random)).size).toBe(1);
});

test("once an attempt's outcome is open, what cannot be found out is OUTCOME_UNKNOWN", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, () => new QdfsError("NODE_SILENT", "connection lost"));
  for (const node of [2, 3]) c.sessions.scripts.set(node, () => new QdfsError("QUORUM_UNAVAILABLE", "write needs 2 of 3, got 1"));
  const client = await c.client();
  const error = await c.failure(client.put("/f", bytes));
  expect(error.code).toBe("OUTCOME_UNKNOWN");
  expect(error.message).toContain("connection lost");
  expect(error.message).toContain("2 of 3");
  const attempts = c.sessions.mutations.map(({ attempt }) => attempt);
  expect(attempts[0]).toBe(1);
  expect(attempts.slice(1).every((attempt) => attempt > 1)).toBe(true);
});

test("when nobody answers within the time given the outcome is unknown", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3]) c.sessions.scripts.set(node, silence);
  const client = await c.client({ timeoutMs: 2000 });
  const startMs = c.runtime.clock.monotonicMs();
  expect((await c.failure(client.put("/f", bytes))).code).toBe("OUTCOME_UNKNOWN");
  expect(c.runtime.clock.monotonicMs() - startMs).toBeLessThan(2200);
  expect(c.sessions.mutations.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
});

test("a stale stamp on the only attempt is answered by a new operation with a fresher stamp", async () => {
  const c = testCluster();
  c.sessions.scripts.set(1, ({ mutate }, call) => {
    if (!mutate) return silence();
    if (call > 0) return mutated(mutate, 2);
    c.observe(5000);
    return new QdfsError("STALE_STAMP", "stale");
  });
  const client = await c.client();
  await c.run(client.put("/f", bytes));
  const [first, second] = c.sessions.mutations;
  expect(second?.attempt).toBe(1);
  expect(second?.operation.random).not.toBe(first?.operation.random ?? "");
  expect(second?.operation.stamp).toBeGreaterThan(5000);
});

test("a stale configuration is met by fetching the map, and nothing is counted as sent", async () => {
  let map = testMap();
  const c = testCluster(() => map);
  const newer = testMap({ version: 2 }, { number: 2, sets: [{ nodes: [3, 2, 1], w: 2, r: 2 }] });
  c.control.maps.set("n1:1", () => newer);
  c.sessions.scripts.set(1, () => {
    map = newer;
    return new QdfsError("CONFIGURATION_STALE", "newer map here");
  });
  c.sessions.scripts.set(3, applies(1));
  const client = await c.client();
  expect((await c.run(client.put("/f", bytes))).node).toBe("dn-3");
  expect(c.sessions.mutations.map(({ node, attempt }) => [node, attempt])).toEqual([
    [1, 1],
    [3, 1],
  ]);
  expect(client.map.version).toBe(2);
});

test("an acknowledgement by fewer than W is labelled as such", async () => {
  const c = testCluster();
  for (const node of [1, 2, 3])
    c.sessions.scripts.set(node, ({ mutate }) => (mutate ? mutated(mutate, 1, mutate.ack || 2) : silence()));
  const client = await c.client();
  expect(await c.run(client.put("/f", bytes, { ack: 1 }))).toMatchObject({ guarantee: "early-ack", acks: 1 });
  expect(await c.run(client.put("/f", bytes, { ack: 3 }))).toMatchObject({ guarantee: "linearizable", acks: 3 });
  for (const ack of [0, 4, 1.5]) expect((await c.failure(client.put("/f", bytes, { ack }))).code).toBe("BAD_USAGE");
});

test("an interrupted put says whether it may have been done", async () => {
  const c = testCluster();
  const client = await c.client();
  const early = new AbortController();
  early.abort();
  expect((await c.failure(client.put("/f", bytes, { signal: early.signal }))).code).toBe("INTERRUPTED");
  c.sessions.scripts.set(1, silence);
  const late = new AbortController();
  c.runtime.timers.after(100, () => late.abort());
  expect((await c.failure(client.put("/f", bytes, { signal: late.signal }))).code).toBe("OUTCOME_UNKNOWN");
});
