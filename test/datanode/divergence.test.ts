/** What a disk lost below all that the protocol knows is found by comparing, fetched again, and said. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { COMPARE_PAUSE_MS } from "../../src/limits.ts";
import { MemoryCluster } from "./memory-cluster.ts";

setDefaultTimeout(60_000);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The member's disk loses something while its process is dead; then there is time enough to compare. */
async function afterLoss(cluster: MemoryCluster, number: number, lose: () => void): Promise<void> {
  cluster.crash(number);
  lose();
  cluster.restart(number);
  cluster.runtime.advance(COMPARE_PAUSE_MS);
}

/** Long enough for every node to have followed all logs, as idle ones do. */
const FOLLOWED_MS = 130_000;

describe("a replica that lost", () => {
  test("an accepted value that it had followed in a peer's log learns it again, and raises an alarm", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", bytes("first")));
    await cluster.until(client.put("/a", bytes("second")));
    await cluster.until(client.put("/b", bytes("other")));
    cluster.runtime.advance(FOLLOWED_MS);
    const { store } = cluster.disk(2);
    const before = store.register("/a");
    await afterLoss(cluster, 2, () => store.loseAccepted("/a"));
    expect(store.register("/a")?.ballot).toEqual(before?.ballot);
    expect(store.register("/a")?.head).toEqual(before?.head);
    const { findings } = cluster.member(2).node.entropy;
    expect(findings.alarms()).toEqual([expect.stringContaining("the current version of /a")]);
    expect([findings.lost, findings.late, findings.damaged]).toEqual([1, 0, 0]);
    expect(cluster.member(2).node.metrics()).toContain("\nqdfs_divergences_total 1\n");
    const status = await cluster.until(cluster.superNode.status({ eventual: true }));
    expect(status.alarms.join("\n")).toContain("silent divergence");
    for (const other of [1, 3]) expect(cluster.member(other).node.entropy.findings.alarms()).toEqual([]);
    expect(cluster.fatal).toEqual([]);
  });

  test("all of a file that was deleted holds the tombstone again, and nothing of what is under it", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", bytes("first")));
    await cluster.until(client.remove("/a"));
    cluster.runtime.advance(FOLLOWED_MS);
    const { store } = cluster.disk(3);
    const before = store.register("/a");
    await afterLoss(cluster, 3, () => store.loseAccepted("/a"));
    expect(store.register("/a")?.ballot).toEqual(before?.ballot);
    expect(store.register("/a")?.head).toEqual(before?.head);
  });

  test("the bytes of an earlier version fetches them: they may have passed by, so that is no alarm", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", bytes("first")));
    const { store } = cluster.disk(2);
    const [random = ""] = store.contents("/a");
    await cluster.until(client.put("/a", bytes("second")));
    cluster.runtime.advance(1_000);
    expect(store.contents("/a")).toHaveLength(2);
    await afterLoss(cluster, 2, () => store.loseContent("/a", random));
    expect(store.content("/a", random)).toEqual(bytes("first"));
    const { findings } = cluster.member(2).node.entropy;
    expect([findings.lost, findings.late]).toEqual([0, 1]);
    expect(findings.alarms()).toEqual([]);
  });

  test("a chunk takes it from another store, if a version still names it", async () => {
    await warmUpChecksums(8);
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", new Uint8Array(10_000).fill(7)));
    cluster.runtime.advance(1_000);
    const { store } = cluster.disk(2);
    const [row] = store.chunksAfter("", 1);
    expect(row).toBeDefined();
    const orphan = { chunk: "00000000000000ff-0", owner: "/a", sizeBytes: 5, checksum: "xxh3:0000000000000000" };
    await cluster.until(cluster.disk(1).store.commit({ accepts: [], trims: [], chunks: [orphan], droppedChunks: [] }));
    await afterLoss(cluster, 2, () => store.loseChunk(row?.chunk ?? ""));
    expect(store.chunk(row?.chunk ?? "")).toEqual(row);
    expect(store.chunk(orphan.chunk)).toBeUndefined();
  });
});

test("two heads under one ballot are an alarm on both sides, and neither takes the other's", async () => {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  await cluster.until(client.put("/a", bytes("first")));
  cluster.runtime.advance(1_000);
  const { store } = cluster.disk(2);
  const held = store.register("/a");
  if (held === undefined) throw new Error("not put");
  cluster.crash(2);
  const head = held.head.map((byte, at) => (at === held.head.length - 1 ? byte ^ 1 : byte));
  const [random = ""] = store.contents("/a");
  const accept = { path: "/a", ballot: held.ballot, head, random, content: bytes("first"), chosen: true };
  await cluster.until(store.commit({ accepts: [accept], trims: [], chunks: [], droppedChunks: [] }));
  cluster.restart(2);
  cluster.runtime.advance(3 * COMPARE_PAUSE_MS);
  for (const number of [1, 2, 3])
    expect(cluster.member(number).node.entropy.findings.alarms()).toEqual([expect.stringContaining("different heads of /a")]);
  expect(Buffer.from(store.register("/a")?.head ?? "")).toEqual(Buffer.from(head));
});

test("a peer's log that ends before where it had been followed to is looked through again from its beginning", async () => {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  cluster.crash(2);
  await cluster.until(client.put("/a", bytes("first")));
  const { store } = cluster.disk(2);
  const cursors = [1, 3].map((number) => ({ diskId: cluster.disk(number).diskId, sequence: 1_000 }));
  await cluster.until(store.commit({ accepts: [], trims: [], chunks: [], droppedChunks: [], cursors }));
  cluster.restart(2);
  cluster.runtime.advance(1_500); // before anything is compared
  expect(store.register("/a")).toBeDefined();
  expect(store.cursor(cluster.disk(1).diskId)).toBeLessThan(1_000);
});
