import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { codeOf } from "../../src/base/errors.ts";
import type { Client } from "../../src/client/client.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { HEDGE_MS } from "../../src/limits.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { AnswerBody } from "../../src/wire/messages.ts";
import { MemoryCluster } from "./memory-cluster.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function text(cluster: MemoryCluster, client: Client, path: string): Promise<string> {
  const { bytes: content } = await cluster.until(client.read(path));
  return new TextDecoder().decode(content);
}

function homeOf(cluster: MemoryCluster, path: string): number {
  return cluster.map.partitions[partitionOf(cluster.map, path)]?.sets[0]?.nodes[0] ?? 0;
}

async function codeFrom(cluster: MemoryCluster, work: Promise<unknown>): Promise<string | undefined> {
  try {
    await cluster.until(work);
    return undefined;
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}

beforeAll(() => warmUpChecksums(32));

describe("a cluster in memory", () => {
  test("puts, reads, overwrites, deletes and restores; versions are dense", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const first = await cluster.until(client.put("/a", bytes("one")));
    expect(first).toMatchObject({ path: "/a", version: 1, sizeBytes: 3, guarantee: "linearizable" });
    expect((await cluster.until(client.put("/a", bytes("two")))).version).toBe(2);
    expect(await text(cluster, client, "/a")).toBe("two");
    const old = await cluster.until(client.read("/a", { version: 1 }));
    expect(new TextDecoder().decode(old.bytes)).toBe("one");
    expect(await codeFrom(cluster, client.put("/a", bytes("x"), { ifAbsent: true }))).toBe("ALREADY_EXISTS");
    expect(await codeFrom(cluster, client.put("/a", bytes("x"), { ifVersion: { version: 1 } }))).toBe("VERSION_DIFFERS");
    await cluster.until(client.remove("/a"));
    expect(await codeFrom(cluster, client.read("/a"))).toBe("NOT_FOUND");
    expect((await cluster.until(client.restore("/a", 1))).version).toBe(4);
    expect(await text(cluster, client, "/a")).toBe("one");
    expect(cluster.fatal).toEqual([]);
  });

  test("content above the inline limit travels in chunks and comes back", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const content = new Uint8Array(50_000).map((_, i) => i % 251);
    const put = await cluster.until(client.put("/big", content));
    expect(put.sizeBytes).toBe(content.length);
    const read = await cluster.until(client.read("/big"));
    expect(Buffer.compare(read.bytes, content)).toBe(0);
  });

  test("keeps as many versions as the policy says, and drops the bytes of older ones once that is known chosen (P23)", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const randoms: string[] = [];
    for (let i = 1; i <= 8; i += 1) {
      await cluster.until(client.put("/a", bytes(`v${i}`)));
      randoms.push((await cluster.until(client.versions("/a")))[0]?.operation.random ?? "");
    }
    await cluster.until(client.put("/other", bytes("carries the last hints")));
    cluster.runtime.advance(1_000);
    await cluster.until(client.put("/a", bytes("v9")));
    cluster.runtime.advance(1_000);
    expect((await cluster.until(client.versions("/a"))).map(({ version }) => version)).toEqual([9, 8, 7, 6]);
    const held = cluster.members.map(({ store }) => randoms.filter((random) => store.content("/a", random) !== undefined).length);
    expect(Math.max(...held)).toBeLessThanOrEqual(5);
    expect(await codeFrom(cluster, client.read("/a", { version: 2 }))).toBe("NOT_FOUND");
  });

  test("changes of one file that wait for each other need no phase 1: each ballot is promised with the accept before (P7)", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const writers = Array.from({ length: 20 }, (_, index) => client.put("/hot", bytes(`writer ${index}`)));
    const versions = (await cluster.until(Promise.all(writers))).map(({ version }) => version);
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(cluster.preparesServed).toBe(0); // the first one's phase 1 is in its accept (P24)
    const promised = new Set(cluster.accepts.map(({ next }) => next ?? 0).filter((next) => next > 0));
    const used = cluster.accepts.filter(({ base }) => !base).map(({ ballot }) => ballot.counter);
    expect(promised.size).toBe(19);
    expect(new Set(used.filter((counter) => promised.has(counter)))).toEqual(promised);
    expect((await cluster.until(client.put("/cold", bytes("alone")))).version).toBe(1);
    expect(cluster.accepts.filter(({ path, next }) => path === "/cold" && next)).toEqual([]);
  });

  test("a next promise that another coordinator has overtaken costs a round of phase 1, and nothing is lost (P7)", async () => {
    const cluster = new MemoryCluster();
    const [one, other] = [await cluster.client("one"), await cluster.client("other")];
    const home = homeOf(cluster, "/hot");
    cluster.network.setCut("other", `dn-${home}`, true); // it turns to another coordinator, when it has waited for this one
    const changes = (client: Client, count: number) => Array.from({ length: count }, (_, i) => client.put("/hot", bytes(`${i}`)));
    const writes = changes(other, 10);
    cluster.runtime.advance(HEDGE_MS - 2);
    writes.push(...changes(one, 30));
    const versions = (await cluster.until(Promise.all(writes))).map(({ version }) => version);
    expect(versions.toSorted((a, b) => a - b)).toEqual(writes.map((_, index) => index + 1));
    expect(cluster.preparesServed).toBeGreaterThan(0);
    expect(cluster.fatal).toEqual([]);
  });

  test("goes on when any one replica crashes, the home included, and the crashed one catches up", async () => {
    for (const victim of [1, 2, 3]) {
      const cluster = new MemoryCluster();
      const client = await cluster.client();
      await cluster.until(client.put("/a", bytes("before")));
      cluster.crash(victim);
      for (let i = 0; i < 20; i += 1) await cluster.until(client.put(`/f${i}`, bytes(`during ${i}`)));
      await cluster.until(client.put("/a", bytes("during")));
      expect(await text(cluster, client, "/a")).toBe("during");
      cluster.restart(victim);
      cluster.runtime.advance(5_000);
      const { store } = cluster.member(victim);
      for (let i = 0; i < 20; i += 1) expect(store.register(`/f${i}`)?.chosen).toBe(true);
      expect(cluster.fatal).toEqual([]);
    }
  });

  test("without a quorum says so with its arithmetic and did nothing", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", bytes("before")));
    cluster.crash(1);
    cluster.crash(2);
    const failed = await cluster.until(client.put("/a", bytes("after")).then(String, (error: Error) => error.message));
    expect(failed).toContain("needs 2 of 3, got 1");
    expect(await codeFrom(cluster, client.put("/a", bytes("after")))).toBe("QUORUM_UNAVAILABLE");
    expect(await codeFrom(cluster, client.read("/a"))).toBe("QUORUM_UNAVAILABLE");
    cluster.restart(1);
    cluster.restart(2);
    cluster.runtime.advance(3_000);
    expect(await text(cluster, client, "/a")).toBe("before");
    await cluster.until(client.put("/a", bytes("after")));
    expect(await text(cluster, client, "/a")).toBe("after");
  });

  test("sixteen writers of one file each get a version of their own", async () => {
    const cluster = new MemoryCluster();
    const clients = [await cluster.client("c1"), await cluster.client("c2"), await cluster.client("c3")];
    const puts = Array.from({ length: 48 }, (_, i) => clients[i % 3]?.put("/hot", bytes(`${i}`)));
    const versions = (await cluster.until(Promise.all(puts))).map((put) => put?.version ?? 0);
    expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 48 }, (_, i) => i + 1));
  });

  test("writers at different coordinators duel and all finish, each once", async () => {
    const cluster = new MemoryCluster();
    const [a, b] = [await cluster.client("a"), await cluster.client("b")];
    const home = homeOf(cluster, "/duel");
    // One client cannot reach the home, so that two coordinators work on the file at the same time.
    cluster.network.setCut("b", `dn-${home}:1`, true);
    const puts = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).put("/duel", bytes(`${i}`)));
    const versions = (await cluster.until(Promise.all(puts))).map(({ version }) => version);
    expect(versions.sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(cluster.fatal).toEqual([]);
  });

  test("a put whose coordinator dies with it under way is done exactly once", async () => {
    for (let delay = 0; delay < 3; delay += 0.1) {
      const cluster = new MemoryCluster();
      const client = await cluster.client();
      await cluster.until(client.put("/a", bytes("zero")));
      const put = client.put("/a", bytes("one"));
      cluster.runtime.advance(delay);
      cluster.crash(homeOf(cluster, "/a"));
      const { version } = await cluster.until(put);
      expect(version).toBe(2);
      const versions = await cluster.until(client.versions("/a"));
      expect(versions.map((entry) => entry.version)).toEqual([2, 1]);
      expect(await text(cluster, client, "/a")).toBe("one");
    }
  });

  test("an accept that reached one replica alone is settled by the next reader, and stays", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/a", bytes("one")));
    const home = homeOf(cluster, "/a");
    const others = [1, 2, 3].filter((node) => node !== home);
    // The home's accepts reach nobody: it alone holds the second version.
    for (const other of others) cluster.network.setCut(cluster.member(home).life.place, `dn-${other}:1`, true);
    const put = client.put("/a", bytes("two"), { timeoutMs: 3_000 }).then(
      () => "done",
      (error: unknown) => codeOf(error) ?? String(error),
    );
    const outcome = await cluster.until(put);
    for (const other of others) cluster.network.setCut(cluster.member(home).life.place, `dn-${other}:1`, false);
    cluster.runtime.advance(3_000);
    const now = await text(cluster, client, "/a");
    expect(["one", "two"]).toContain(now);
    if (outcome === "done") expect(now).toBe("two");
    for (let i = 0; i < 5; i += 1) expect(await text(cluster, client, "/a")).toBe(now);
  });

  test("a settle answers what the file holds now, not what an earlier settle found", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const { node } = cluster.member(homeOf(cluster, "/a"));
    for (const version of [1, 2, 3]) {
      await cluster.until(client.put("/a", bytes(`v${version}`)));
      const { settled } = await cluster.until(
        new Promise<AnswerBody>((resolve) =>
          node.request({ id: version, configuration: 1, settle: { path: "/a", budgetMs: 1_000 } }, resolve),
        ),
      );
      expect(settled && headCodec.decode(settled.head).current.version).toBe(version);
    }
  });

  test("every legal quorum serves puts and reads, with one replica down where it can", async () => {
    for (const [n, w, r] of [
      [1, 1, 1],
      [2, 2, 1],
      [3, 3, 1],
      [3, 1, 3],
      [4, 3, 2],
      [5, 3, 3],
    ] as const) {
      const cluster = new MemoryCluster({ n, w, r });
      const client = await cluster.client();
      for (let i = 1; i <= 3; i += 1) {
        expect((await cluster.until(client.put("/a", bytes(`v${i}`)))).version).toBe(i);
        expect(await text(cluster, client, "/a")).toBe(`v${i}`);
      }
      if (n === 1) continue;
      cluster.runtime.advance(100); // with R = 1 only the hint tells a reader, and it comes a moment after the put
      cluster.crash(n);
      cluster.runtime.advance(3_000);
      const canRead = n - 1 >= r;
      expect(await codeFrom(cluster, client.read("/a"))).toBe(canRead ? undefined : "QUORUM_UNAVAILABLE");
      const put = await codeFrom(cluster, client.put("/a", bytes("v4")));
      expect(put).toBe(canRead && n - 1 >= w ? undefined : "QUORUM_UNAVAILABLE");
    }
  });
});
