/** What went bad or missing on one disk comes back from the others: when the scrub finds it, when a reader meets it, when somebody asks. */
import { beforeAll, describe, expect, test } from "bun:test";
import { checksumOf, warmUpChecksums } from "../../src/base/checksum.ts";
import type { Client } from "../../src/client/client.ts";
import { chunkPartitionOf } from "../../src/cluster/map.ts";
import { COMPARE_PAUSE_MS } from "../../src/limits.ts";
import type { ChunkId } from "../../src/ports.ts";
import { SCRUB_PERIOD_MS } from "../../src/sim/cluster.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { writes } from "../conformance/node-store.ts";
import { type Member, MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

const PATH = "/x";
const bytesOf = (text: string) => new TextEncoder().encode(text);
const big = (seed: number) => new Uint8Array(10_000).map((_, at) => (at * seed) % 251);

async function made(): Promise<{ cluster: MemoryCluster; client: Client }> {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  for (const text of ["one", "two", "three"]) await cluster.until(client.put(PATH, bytesOf(text)));
  cluster.runtime.advance(SCRUB_PERIOD_MS + 2_000);
  return { cluster, client };
}

const randomsOf = ({ store }: Member): readonly string[] => store.contents(PATH);
const contentsOf = (member: Member) =>
  randomsOf(member)
    .map((random) => Buffer.from(member.store.content(PATH, random) ?? []).toString())
    .sort();
const THREE = ["one", "three", "two"];

/** The disk forgets the bytes of a version, as if they had never come. */
async function forget(cluster: MemoryCluster, { store }: Member, random: string): Promise<void> {
  const row = store.rowsOf(PATH).find((each) => each.random === random);
  if (row === undefined) throw new Error("it is there");
  const { ballot = { configuration: 1, counter: 9e9, node: 1 } } = store.register(PATH) ?? {};
  const keep = randomsOf({ store } as Member).filter((each) => each !== random);
  await cluster.until(store.commit(writes({ trims: [{ path: PATH, ballot, keep }] })));
}

async function alarms(cluster: MemoryCluster, client: Client): Promise<readonly string[]> {
  cluster.runtime.advance(1_000); // a heartbeat
  return (await cluster.until(client.status())).alarms;
}

describe("inline bytes", () => {
  test("that rot are found by the scrub and fetched again, of the current and of kept versions", async () => {
    const { cluster } = await made();
    for (const member of cluster.members) {
      for (const random of randomsOf(member)) expect(member.store.flipBit(PATH, random, 1)).toBe(true);
      expect(contentsOf(member)).not.toEqual(THREE);
      cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
      expect(contentsOf(member)).toEqual(THREE);
    }
    expect(cluster.fatal).toEqual([]);
  });

  test("that are missing are brought, and stay over a restart", async () => {
    const { cluster, client } = await made();
    const [first] = randomsOf(cluster.member(2));
    await forget(cluster, cluster.member(2), first ?? "");
    expect(contentsOf(cluster.member(2))).toEqual(["three", "two"]);
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
    expect(contentsOf(cluster.member(2))).toEqual(THREE);
    cluster.crash(2);
    cluster.restart(2);
    expect(contentsOf(cluster.member(2))).toEqual(THREE);
    await cluster.until(client.put(PATH, bytesOf("four")));
    cluster.runtime.advance(2_000);
    await cluster.until(client.put(PATH, bytesOf("five")));
    cluster.runtime.advance(2_000);
    await cluster.until(client.put("/other", bytesOf("a commit for the trims to go with")));
    cluster.runtime.advance(2_000);
    expect(contentsOf(cluster.member(2))).not.toContain("one"); // dropped with its version
  });

  test("that a reader meets damaged are mended at once, without a scrub", async () => {
    const { cluster, client } = await made();
    for (const member of cluster.members.slice(0, 1))
      for (const random of randomsOf(member)) member.store.flipBit(PATH, random, 0);
    for (let times = 0; times < 12; times++) {
      const { bytes } = await cluster.until(client.read(PATH));
      expect(new TextDecoder().decode(bytes)).toBe("three");
    }
    cluster.runtime.advance(1_500);
    expect(contentsOf(cluster.member(1))).toEqual(THREE);
  });

  test("of which no good copy answers are an alarm until one does", async () => {
    const { cluster, client } = await made();
    const [random = ""] = randomsOf(cluster.member(1));
    for (const number of [2, 3]) cluster.crash(number);
    cluster.member(1).store.flipBit(PATH, random, 0);
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
    expect((await alarms(cluster, client)).join()).toContain("content of /x");
    expect(contentsOf(cluster.member(1))).not.toEqual(THREE);
    cluster.restart(2);
    cluster.runtime.advance(5_000);
    expect(contentsOf(cluster.member(1))).toEqual(THREE);
    expect((await alarms(cluster, client)).join()).not.toContain("content of /x");
  });
});

test("what a node found bad or missing is told by status when it is mended, and what it lacks after it was away is not", async () => {
  const { cluster, client } = await made();
  const counts = async () => {
    await alarms(cluster, client);
    const { nodes } = await cluster.until(client.status());
    return nodes.map(({ badCopiesFound, badCopiesMended }) => [badCopiesFound, badCopiesMended]);
  };
  const [random = ""] = randomsOf(cluster.member(2));
  await forget(cluster, cluster.member(2), random);
  cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
  expect(await counts()).toEqual([
    [0, 0],
    [1, 1],
    [0, 0],
  ]);
  cluster.crash(3);
  for (const text of ["four", "five"]) await cluster.until(client.put(PATH, bytesOf(text)));
  cluster.restart(3);
  cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
  expect(contentsOf(cluster.member(3))).toEqual(contentsOf(cluster.member(2)));
  expect((await counts())[2]).toEqual([0, 0]);
  expect(await alarms(cluster, client)).toEqual([]);
});

describe("chunks", () => {
  async function chunked(): Promise<{ cluster: MemoryCluster; client: Client; names: readonly ChunkId[] }> {
    const { cluster, client } = await made();
    await cluster.until(client.put("/big", big(7)));
    cluster.runtime.advance(2_000);
    return { cluster, client, names: cluster.member(1).files.names() };
  }
  const whole = ({ store, files }: Member, names: readonly ChunkId[]) =>
    names.every((name) => checksumOf(files.peek(name) ?? new Uint8Array(1)) === store.chunk(name)?.checksum);

  test("that rot or vanish are found by the scrub and fetched again; the bad ones are set aside", async () => {
    const { cluster, names } = await chunked();
    expect(names.length).toBeGreaterThan(2);
    const member = cluster.member(1);
    const [first = "", second = "", third = ""] = names;
    member.files.flipBit(first, 5);
    await member.files.remove(second);
    await cluster.until(member.store.commit(writes({ droppedChunks: [third] })));
    expect(whole(member, names)).toBe(false);
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
    expect(whole(member, names)).toBe(true);
    expect([...member.files.quarantined()].sort()).toEqual([first, second].sort());
  });

  test("set aside and not replaced yet are not vouched for, not over a restart either, and replaced when a peer is back", async () => {
    const { cluster, client, names } = await chunked();
    for (const number of [2, 3]) cluster.crash(number);
    const [first = ""] = names;
    cluster.member(1).files.flipBit(first, 5);
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
    const [upload = "", index = ""] = first.split("-");
    const asked = { path: "/big", upload, indexes: [Number(index)], configurations: [1] };
    expect(cluster.member(1).node.chunks.missing(asked)).toEqual([Number(index)]);
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.member(1).node.chunks.missing(asked)).toEqual([Number(index)]);
    expect((await alarms(cluster, client)).join()).toContain(`chunk ${first}`);
    cluster.restart(2);
    cluster.runtime.advance(10_000);
    expect(whole(cluster.member(1), names)).toBe(true);
    expect((await alarms(cluster, client)).join()).not.toContain("chunk");
  });

  /** A bad copy that waits in the queue for a peer to be back. */
  async function waiting() {
    const { cluster, client, names } = await chunked();
    for (const number of [2, 3]) cluster.crash(number);
    const [first = ""] = names;
    const member = cluster.member(1);
    member.files.flipBit(first, 5);
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS);
    expect((await alarms(cluster, client)).join()).toContain(`chunk ${first}`);
    const back = () => {
      for (const number of [2, 3]) cluster.restart(number);
      cluster.runtime.advance(10_000);
    };
    return { cluster, client, names, first, member, back };
  }

  test("that are doomed while they wait to be replaced are no alarm any more, and are not fetched when a peer is back", async () => {
    const { cluster, client, names, first, member, back } = await waiting();
    await cluster.until(member.node.chunks.doom([first]));
    expect((await alarms(cluster, client)).join()).not.toContain("chunk");
    back();
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS); // nor when the scrub comes past
    expect([whole(member, names), member.node.chunks.isDoomed(first)]).toEqual([false, true]);
    expect((await alarms(cluster, client)).join()).not.toContain("chunk");
    expect(await cluster.until(member.node.chunks.mendNow(first))).toBe(true); // there is nothing to be mended
    expect(whole(member, names)).toBe(false);
    expect(cluster.fatal).toEqual([]);
  });

  test("that are spared while their copy is bad are an alarm again, and fetched", async () => {
    const { cluster, client, names, first, member, back } = await waiting();
    await cluster.until(member.node.chunks.doom([first]));
    await cluster.until(member.node.chunks.spare([first]));
    expect((await alarms(cluster, client)).join()).toContain(`chunk ${first}`);
    back();
    expect(whole(member, names)).toBe(true);
    expect((await alarms(cluster, client)).join()).not.toContain("chunk");
  });
});

describe("heads", () => {
  async function replaceHead(cluster: MemoryCluster, member: Member, head: Uint8Array): Promise<void> {
    const current = member.store.current(PATH);
    const row = member.store.rowsOf(PATH).find(({ held }) => held !== undefined);
    if (current === undefined || row === undefined) throw new Error("the file is there");
    const { ballot, content, chosen } = current;
    await cluster.until(
      member.store.commit(writes({ accepts: [{ path: PATH, ballot, head, random: row.random, content, chosen }] })),
    );
  }
  const headAt = ({ store }: Member) => Buffer.from(store.register(PATH)?.head ?? []).toString("hex");

  test("that cannot be decoded any more are taken from the others at the same ballot", async () => {
    const { cluster, client } = await made();
    const good = headAt(cluster.member(3));
    await replaceHead(cluster, cluster.member(2), Uint8Array.of(255, 255, 255));
    cluster.runtime.advance(2 * SCRUB_PERIOD_MS + 5 * COMPARE_PAUSE_MS); // whoever had compared meanwhile finds it mended
    expect(await alarms(cluster, client)).toEqual([]);
    expect(headAt(cluster.member(2))).toBe(good);
    expect(contentsOf(cluster.member(2))).toEqual(THREE);
    expect(cluster.fatal).toEqual([]);
  });

  test("that decode into something else are outvoted by a repair", async () => {
    const { cluster, client } = await made();
    const good = headAt(cluster.member(3));
    const head = headCodec.decode(Buffer.from(good, "hex"));
    const other = headCodec.encode({ ...head, current: { ...head.current, contentType: "text/rotten" } });
    await replaceHead(cluster, cluster.member(2), other);
    const repairs = await cluster.until(client.repair(PATH));
    expect(repairs.map(({ node, findings }) => [node, findings.map(({ what, mended }) => [what, mended])])).toEqual([
      ["dn-1", []],
      ["dn-2", [["head", true]]],
      ["dn-3", []],
    ]);
    expect(headAt(cluster.member(2))).toBe(good);
  });
});

test("a repair finds and mends every kind of damage of one file, tells what it did, and has nothing to do afterwards", async () => {
  const { cluster, client } = await made();
  await cluster.until(client.put("/big", big(3)));
  cluster.runtime.advance(2_000);
  const [random = ""] = randomsOf(cluster.member(1));
  cluster.member(1).store.flipBit(PATH, random, 0);
  const [chunk = ""] = cluster.member(3).files.names();
  cluster.member(3).files.flipBit(chunk, 0);
  const summary = async (path: string) =>
    (await cluster.until(client.repair(path))).map(({ node, findings }) => [
      node,
      findings.map(({ what, mended }) => `${what} ${mended ? "mended" : "not mended"}`),
    ]);
  expect(await summary(PATH)).toEqual([
    ["dn-1", ["content mended"]],
    ["dn-2", []],
    ["dn-3", []],
  ]);
  expect(await summary("/big")).toEqual([
    ["dn-1", []],
    ["dn-2", []],
    ["dn-3", ["chunk mended"]],
  ]);
  for (const path of [PATH, "/big"]) expect((await summary(path)).every(([, findings]) => findings?.length === 0)).toBe(true);
});

test("the scrub goes on after a restart where it was, and begins again when its period is over", async () => {
  const { cluster, client } = await made();
  const report = async () => await cluster.until(client.scrub(1));
  const { pass } = await report();
  expect(pass).toBeGreaterThan(0);
  cluster.crash(1);
  cluster.restart(1);
  cluster.runtime.advance(100);
  expect((await report()).pass).toBe(pass);
  const forced = await cluster.until(client.scrub(1, { start: true }));
  expect(forced).toMatchObject({ pass: pass + 1, running: true, forced: true });
  cluster.runtime.advance(1_000);
  expect(await report()).toMatchObject({ pass: pass + 1, running: false, files: 1, contents: 3, found: 0, unmended: 0 });
  cluster.runtime.advance(SCRUB_PERIOD_MS + 1_000);
  expect((await report()).pass).toBe(pass + 2);
});

test("who asks again for a chunk that is on its way waits for the same copy", async () => {
  const { cluster, client } = await made();
  await cluster.until(client.put("/big", big(7)));
  cluster.runtime.advance(2_000);
  const [first, ...others] = cluster.members;
  const row = first?.store.chunksAfter("", 10)[0];
  if (first === undefined || row === undefined) throw new Error("a file in chunks");
  await cluster.until(first.store.commit(writes({ droppedChunks: [row.chunk] })));
  let opened = 0;
  for (const { files } of others) {
    const blob = files.blob.bind(files);
    files.blob = (chunk) => {
      opened += 1;
      return blob(chunk);
    };
  }
  const partition = chunkPartitionOf(cluster.map, row.chunk);
  const of = { partition, number: cluster.map.partitions[partition]?.number ?? 0 };
  const take = () =>
    new Promise((resolve) => first.node.request({ id: 1, configuration: 0, take: { of, chunks: [row] } }, resolve));
  const taken = { taken: { missing: [], lost: [], sizeBytes: row.sizeBytes } };
  expect(await cluster.until(Promise.all([take(), take()]))).toEqual([taken, taken]);
  expect(opened).toBe(1);
});
