import { describe, expect, test } from "bun:test";
import { UNSETTLED_AFTER_MS } from "../../src/limits.ts";
import { ballot, deletedHead, head, names, ScriptedCluster } from "./scripted-cluster.ts";

describe("what the change logs report is listed (P20)", () => {
  test("a put whose client died after its quorum is listed", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2], "/a", ballot(5, 1), head(1));
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toEqual(["/a@1"]);
  });

  test("a change is listed at exactly W reports, or at one that knows it chosen, and not before", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.accept([1], "/one", ballot(5, 1), head(1));
    cluster.accept([1], "/hint", ballot(6, 1), head(1), true);
    cluster.runtime.advance(UNSETTLED_AFTER_MS / 2);
    expect(await cluster.shown()).toEqual(["/hint@1"]);
    cluster.accept([3], "/one", ballot(5, 1), head(1));
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toEqual(["/hint@1", "/one@1"]);
  });

  test("with W = 3 two reports do not do", async () => {
    const cluster = await ScriptedCluster.of(3, "read-optimized");
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.accept([1, 2], "/a", ballot(5, 1), head(1));
    cluster.runtime.advance(UNSETTLED_AFTER_MS / 2);
    expect(await cluster.shown()).toEqual([]);
    cluster.accept([3], "/a", ballot(5, 1), head(1));
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toEqual(["/a@1"]);
  });

  test("reports of two ballots are not counted together", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.accept([1], "/a", ballot(5, 1), head(1));
    cluster.accept([2], "/a", ballot(6, 2), head(1));
    cluster.runtime.advance(UNSETTLED_AFTER_MS / 2);
    expect(await cluster.shown()).toEqual([]);
  });

  test("reports of another configuration's ballot are not counted in this one's sets, but a hint counts", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.accept([1, 2, 3], "/other", ballot(5, 1, 7), head(1));
    cluster.accept([1], "/hint", ballot(5, 1, 7), head(1), true);
    cluster.runtime.advance(UNSETTLED_AFTER_MS / 2);
    expect(await cluster.shown()).toEqual(["/hint@1"]);
  });

  test("an older version never takes the place of a newer one, in whatever order the reports come", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "silent";
    cluster.accept([3], "/a", ballot(5, 3), head(1));
    cluster.accept([1], "/a", ballot(5, 3), head(1));
    cluster.runtime.advance(100);
    cluster.accept([1, 2], "/a", ballot(8, 1), head(2));
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toEqual(["/a@2"]);
    cluster.node(3).reach = "up"; // it still holds version 1, and reports it now
    cluster.runtime.advance(5_000);
    expect(await cluster.shown()).toEqual(["/a@2"]);
    expect(cluster.superNode.metrics()).toContain("qdfs_catalogue_pending_files 0");
  });

  test("a minority accept that never reached W is settled, and then listed", async () => {
    const cluster = await ScriptedCluster.of(3);
    const path = cluster.pathAt(1);
    cluster.accept([2], path, ballot(5, 2), head(1));
    cluster.runtime.advance(UNSETTLED_AFTER_MS - 200);
    expect(await cluster.shown()).toEqual([]);
    cluster.runtime.advance(1_000);
    expect(await cluster.shown()).toEqual([`${path}@1`]);
    // The replica that holds it was asked: its own value is part of what it finds.
    expect(cluster.node(2).taken.settle).toBe(1);
    expect(cluster.node(1).taken.settle ?? 0).toBe(0);
  });

  test("a minority accept that a later version superseded is given up without a settle", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([2], "/a", ballot(5, 2), head(1));
    cluster.runtime.advance(600);
    cluster.accept([1, 3], "/a", ballot(9, 1), head(1));
    cluster.runtime.advance(3_000);
    expect(await cluster.shown()).toEqual(["/a@1"]);
    expect(cluster.nodes.map((node) => node.taken.settle ?? 0)).toEqual([0, 0, 0]);
    expect(cluster.superNode.metrics()).toContain("qdfs_catalogue_pending_files 0");
  });

  test("a settle elsewhere that answers with less is listed, and the higher ballot goes on waiting", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2, 3], "/a", ballot(5, 1), head(1));
    cluster.accept([2], "/a", ballot(7, 2), head(2));
    cluster.runtime.advance(600);
    cluster.node(2).reach = "unreachable";
    cluster.runtime.advance(10_000);
    expect(await cluster.shown()).toEqual(["/a@1"]);
    expect(cluster.superNode.metrics()).toContain("qdfs_catalogue_pending_files 1");
    cluster.node(2).reach = "up";
    await cluster.until(
      cluster.superNode.join({
        ...cluster.node(2),
        clusterId: "",
        http: "x",
        zone: "",
        weight: 1,
        capacityBytes: 0,
        version: "",
        mapGeneration: 0,
      }),
    );
    cluster.runtime.advance(40_000);
    expect(await cluster.shown()).toEqual(["/a@2"]);
  });

  test("a head that did not come with its proposer's log is asked for", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "unreachable";
    cluster.accept([1, 2], "/a", ballot(5, 3), head(1)); // its proposer died
    cluster.runtime.advance(1_000);
    expect(await cluster.shown()).toEqual(["/a@1"]);
    expect((cluster.node(1).taken.read ?? 0) + (cluster.node(2).taken.read ?? 0)).toBe(1);
    expect(cluster.nodes.map((node) => node.taken.settle ?? 0)).toEqual([0, 0, 0]);
  });

  test("a deletion goes from the files to the trash, with the size of what was deleted", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2, 3], "/a", ballot(5, 1), head(1, 77));
    cluster.runtime.advance(600);
    cluster.accept([1, 2, 3], "/a", ballot(6, 1), deletedHead(2, 77));
    expect(names(await cluster.list())).toEqual([]);
    const trash = await cluster.list({ kind: 1 });
    expect(trash.entries).toMatchObject([{ path: "/a", version: 2, sizeBytes: 77, by: "bob", modifiedAtMs: 1001 }]);
  });

  test("a head that only carries recorded refusals is not listed", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.accept([1, 2, 3], "/never", ballot(5, 1), head(0));
    const listed = await cluster.list();
    expect(listed).toMatchObject({ entries: [], incomplete: "" });
    expect((await cluster.list({ kind: 1 })).entries).toEqual([]);
  });
});

describe("the catalogue over restarts", () => {
  test("what was read but not listed before a crash is listed after it", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (const node of cluster.nodes) node.onSettle = () => ({});
    cluster.accept([1, 2, 3], "/before", ballot(4, 1), head(1));
    cluster.accept([1], "/waits", ballot(5, 1), head(1));
    cluster.accept([1, 2, 3], "/after", ballot(6, 1), head(1));
    cluster.runtime.advance(2_500);
    expect(await cluster.shown()).toEqual(["/after@1", "/before@1"]);
    cluster.restart();
    expect(await cluster.shown()).toEqual(["/after@1", "/before@1"]);
    cluster.runtime.advance(600);
    cluster.accept([2], "/waits", ballot(5, 1), head(1)); // the second of W reports comes in the next life
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toEqual(["/after@1", "/before@1", "/waits@1"]);
  });

  test("what the cluster did while the SuperNode was away is listed when it is back", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.superNode.stop();
    cluster.accept([2, 3], "/during", ballot(9, 2), head(1));
    cluster.restart();
    const listed = await cluster.list();
    expect(names(listed)).toEqual(["/during@1"]);
    expect(listed.incomplete).toBe("");
  });

  test("logs are not read again from the start", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let i = 0; i < 50; i++) cluster.accept([1, 2, 3], `/f${i}`, ballot(5 + i, 1), head(1));
    cluster.runtime.advance(3_000);
    const { nodes } = cluster.superNode.map;
    expect(nodes.map((node) => cluster.catalogue.cursor(node.diskId))).toEqual([50, 50, 50]);
  });

  test("dropping the catalogue and reading the logs again gives the same catalogue (I11)", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let i = 0; i < 20; i++) cluster.accept([1, 2, 3], `/f${i}`, ballot(5 + i, (i % 3) + 1), head(1));
    cluster.accept([1, 3], "/f3", ballot(90, 1), deletedHead(2, 1));
    cluster.accept([2], "/f4", ballot(91, 2), head(2)); // will be settled
    cluster.runtime.advance(3_000);
    const before = await cluster.list();
    cluster.catalogue.clear();
    cluster.restart();
    cluster.runtime.advance(3_000);
    expect(await cluster.list()).toEqual(before);
  });
});

describe("many changes", () => {
  test("a log longer than one answer is read to its end", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let i = 0; i < 5_000; i++) cluster.accept([1, 2, 3], `/f${i}`, ballot(5 + i, 1), head(1));
    const status = await cluster.until(cluster.superNode.status({ eventual: false }));
    expect(status).toMatchObject({ files: 5_000, incomplete: "" });
  });

  test("under load a log is asked for a few times a second only", async () => {
    const cluster = await ScriptedCluster.of(3);
    const asked = () => cluster.node(1).taken.changes ?? 0;
    const before = asked();
    for (let i = 0; i < 1_000; i++) {
      cluster.accept([1, 2, 3], `/f${i}`, ballot(5 + i, 1), head(1));
      cluster.runtime.advance(2);
    }
    expect(asked() - before).toBeLessThan(2_000 / 80 + 3);
    cluster.runtime.advance(600);
    expect(await cluster.shown()).toHaveLength(1_000);
  });
});
