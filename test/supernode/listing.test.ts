import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { CHANGES_MAX, LISTING_WAIT_MS } from "../../src/limits.ts";
import { ballot, head, names, ScriptedCluster } from "./scripted-cluster.ts";

describe("the fence of a listing (P20)", () => {
  test("a listing waits for every put that had returned before it", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let i = 0; i < 20; i++) {
      cluster.accept([(i % 3) + 1, ((i + 1) % 3) + 1], `/f${i}`, ballot(10 + i, (i % 3) + 1), head(1));
      const listed = await cluster.list();
      expect(listed.incomplete).toBe("");
      expect(listed.entries).toHaveLength(i + 1);
    }
  });

  test("a listing does not wait for a node that is not needed", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "silent";
    cluster.accept([1, 2], "/a", ballot(5, 1), head(1));
    const startMs = cluster.runtime.clock.monotonicMs();
    const listed = await cluster.list();
    expect(listed).toMatchObject({ incomplete: "" });
    expect(names(listed)).toEqual(["/a@1"]);
    expect(cluster.runtime.clock.monotonicMs() - startMs).toBeLessThan(200);
  });

  test("with too few nodes answering, it says which puts may be missing, and does not wait long", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2, 3], "/a", ballot(5, 1), head(1));
    expect((await cluster.list()).incomplete).toBe("");
    cluster.node(2).reach = "unreachable";
    cluster.node(3).reach = "unreachable";
    const startMs = cluster.runtime.clock.monotonicMs();
    const listed = await cluster.list();
    expect(listed.incomplete).toBe("dn-2 and dn-3 do not answer: puts that only they hold may be missing");
    expect(names(listed)).toEqual(["/a@1"]);
    expect(cluster.runtime.clock.monotonicMs() - startMs).toBeLessThan(500);
  });

  test("with W = N one answer is enough; with W = 1 every node is needed", async () => {
    const all = await ScriptedCluster.of(3, "read-optimized");
    all.accept([1, 2, 3], "/a", ballot(5, 1), head(1));
    all.node(1).reach = "unreachable";
    all.node(2).reach = "unreachable";
    all.node(3).entries.set("/a", { sequence: 1, ballot: ballot(5, 1), head: head(1), chosen: true });
    expect(await all.list()).toMatchObject({ incomplete: "" });

    const one = await ScriptedCluster.of(3, "write-optimized");
    one.node(2).reach = "unreachable";
    one.accept([1], "/b", ballot(5, 1), head(1));
    const listed = await one.list();
    expect(names(listed)).toEqual(["/b@1"]);
    expect(listed.incomplete).toBe("dn-2 does not answer: puts that only it holds may be missing");
  });

  test("a put that reached no quorum is waited for only where it might have", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([2], "/a", ballot(5, 2), head(1));
    expect(await cluster.list()).toMatchObject({ entries: [], incomplete: "" }); // two logs do not have it
  });

  test("what may have been acknowledged is settled while the listing waits, and sooner than otherwise", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "unreachable"; // it may be the second of W
    cluster.accept([2], "/a", ballot(5, 2), head(1));
    const startMs = cluster.runtime.clock.monotonicMs();
    const listed = await cluster.list();
    expect(names(listed)).toEqual(["/a@1"]);
    expect(listed.incomplete).toBe("");
    expect(cluster.runtime.clock.monotonicMs() - startMs).toBeLessThan(400);
  });

  test("what cannot be settled in time is named", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.node(3).reach = "unreachable";
    cluster.accept([2], "/a", ballot(5, 2), head(1));
    const startMs = cluster.runtime.clock.monotonicMs();
    const listed = await cluster.list();
    expect(listed.incomplete).toBe(
      "dn-3 does not answer: puts that only it holds may be missing; not settled in time, so that newer versions may be missing: /a",
    );
    expect(cluster.runtime.clock.monotonicMs() - startMs).toBeLessThanOrEqual(LISTING_WAIT_MS + 5);
  });

  test("a file that is overwritten while its log is read in several answers is not passed over", async () => {
    const cluster = await ScriptedCluster.of(3);
    // Nobody polls while this is written: the first answer will not reach the end of the log.
    for (const node of cluster.nodes) node.reach = "unreachable";
    cluster.runtime.advance(3_000);
    cluster.accept([1, 2, 3], "/first", ballot(2, 1), head(1));
    for (let i = 0; i < CHANGES_MAX; i++) cluster.accept([1, 2, 3], `/f${i}`, ballot(5 + i, 1), head(1));
    for (const node of cluster.nodes) node.reach = "up";
    for (const node of cluster.nodes) {
      // After the marks were taken, and before anything was read, it moves behind all that the first answer can hold.
      node.onChanges = () => {
        expect(node.taken.sequence).toBe(1);
        node.onChanges = undefined;
        node.accept("/first", ballot(90_000, 1), head(2));
      };
    }
    const listed = await cluster.list({ limit: 1, after: "/f999" });
    expect(listed.incomplete).toBe("");
    expect(names(listed)).toEqual(["/first@2"]);
  });

  test("a file whose acknowledged entry was replaced in the log before it was read is not passed over", async () => {
    const cluster = await ScriptedCluster.of(3, "n=3,w=3,r=1");
    for (const node of cluster.nodes) node.reach = "unreachable";
    cluster.runtime.advance(3_000);
    cluster.accept([1, 2, 3], "/a", ballot(5, 1), head(1));
    // With W = N one log is enough; in the one that is reached, a newer value that nobody knows chosen takes its place.
    const first = cluster.node(1);
    first.reach = "up";
    first.onChanges = () => {
      first.onChanges = undefined;
      first.accept("/a", ballot(9, 1), head(2));
    };
    expect((await cluster.list()).incomplete).toContain("newer versions may be missing: /a");
    for (const node of cluster.nodes) node.reach = "up";
    expect(names(await cluster.list())).toHaveLength(1);
  });

  test("listings that begin together share one round of questions", async () => {
    const cluster = await ScriptedCluster.of(3);
    const asked = () => cluster.nodes.map((node) => node.taken.sequence ?? 0);
    const request = { prefix: "/", recursive: true, node: 0, limit: 0, after: "", eventual: false, kind: 0 as const };
    await cluster.until(Promise.all(Array.from({ length: 20 }, () => cluster.superNode.list(request))));
    cluster.runtime.advance(10);
    expect(asked()).toEqual([1, 1, 1]);
  });

  test("a listing that comes while another is being asked does not take that one's answers", async () => {
    const cluster = await ScriptedCluster.of(3);
    const first = cluster.superNode.list({
      prefix: "/",
      recursive: true,
      node: 0,
      limit: 0,
      after: "",
      eventual: false,
      kind: 0,
    });
    cluster.runtime.advance(1.5); // the nodes have answered the first one
    cluster.accept([1, 2], "/late", ballot(5, 1), head(1));
    expect(names(await cluster.list())).toEqual(["/late@1"]);
    await cluster.until(first);
  });

  test("a node with another disk at a member's address does not count as that member", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(2).reach = "unreachable";
    cluster.node(3).reach = "unreachable";
    const stranger = cluster.addNode("node:3"); // listens where dn-3 was
    stranger.accept("/stranger", ballot(5, 0), head(1), true);
    cluster.runtime.advance(3_000);
    const listed = await cluster.list();
    expect(listed.incomplete).toContain("dn-2 and dn-3 do not answer");
    expect(names(listed)).toEqual([]);
  });

  test("an eventual listing waits for nothing and says how old it may be", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2, 3], "/a", ballot(5, 1), head(1));
    cluster.runtime.advance(2_000);
    expect((await cluster.list({ eventual: true })).ageMs).toBeLessThan(1_500);
    for (const node of cluster.nodes) node.reach = "unreachable";
    cluster.runtime.advance(60_000);
    const old = await cluster.list({ eventual: true });
    expect(names(old)).toEqual(["/a@1"]);
    expect(old.ageMs).toBeGreaterThan(59_000);
    expect(old.ageMs).toBeLessThan(63_000);
  });
});

describe("what is listed", () => {
  async function tree(): Promise<ScriptedCluster> {
    const cluster = await ScriptedCluster.of(3);
    for (const [i, path] of ["/a", "/d/x", "/d/y/z", "/d-e", "/ä"].entries()) {
      cluster.accept([1, 2, 3], path, ballot(5 + i, 1), head(1, i + 1));
    }
    return cluster;
  }

  test("directories stand for what is below them, unless the listing is recursive", async () => {
    const cluster = await tree();
    expect(names(await cluster.list({ recursive: false }))).toEqual(["/a@1", "/d", "/d-e@1", "/ä@1"]);
    expect(names(await cluster.list())).toEqual(["/a@1", "/d-e@1", "/d/x@1", "/d/y/z@1", "/ä@1"]);
    expect(names(await cluster.list({ prefix: "/d", recursive: false }))).toEqual(["/d/x@1", "/d/y"]);
  });

  test("pages follow each other without gap or overlap", async () => {
    const cluster = await tree();
    const paths: string[] = [];
    for (let more = true; more; ) {
      const page = await cluster.list({ limit: 2, after: paths.at(-1) ?? "" });
      paths.push(...page.entries.map((entry) => entry.path));
      more = page.more;
    }
    expect(paths).toEqual(["/a", "/d-e", "/d/x", "/d/y/z", "/ä"]);
  });

  test("a prefix that names a file lists that file", async () => {
    const cluster = await tree();
    expect(await cluster.list({ prefix: "/d/x" })).toMatchObject({ prefixIsFile: true, entries: [{ path: "/d/x" }] });
    expect(await cluster.list({ prefix: "/nothing" })).toMatchObject({ prefixIsFile: false, entries: [] });
    expect(await cluster.list({ prefix: "/d" })).toMatchObject({ prefixIsFile: false });
  });

  test("by node, only the files that the node replicates are listed", async () => {
    const cluster = await ScriptedCluster.of(3, "n=1,w=1,r=1");
    for (let i = 0; i < 30; i++) {
      const path = `/f${i}`;
      const home = cluster.superNode.map.partitions[partitionOf(cluster.superNode.map, path)]?.sets[0]?.nodes[0] ?? 0;
      cluster.accept([home], path, ballot(5 + i, home), head(1));
    }
    const counts = [1, 2, 3].map(async (node) => (await cluster.list({ node })).entries.length);
    expect(cluster.superNode.map.nodes).toHaveLength(3);
    const all = await Promise.all(counts);
    expect(all.reduce((sum, count) => sum + count, 0)).toBe(30);
    expect(await cluster.list({ node: 9 }).catch(codeOf)).toBe("NOT_FOUND");
  });

  test("du counts files, their bytes and the bytes of all copies", async () => {
    const cluster = await tree();
    const usage = await cluster.until(cluster.superNode.usage({ prefix: "/d" }));
    expect(usage).toEqual({ files: 2, sizeBytes: 5, storedBytes: 15, incomplete: "" });
  });

  test("a bad prefix is refused", async () => {
    const cluster = await tree();
    expect(await cluster.list({ prefix: "/../x" }).catch(codeOf)).toBe("BAD_PATH");
  });
});
