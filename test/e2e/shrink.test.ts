/** A cluster that shrinks: drained, cancelled, given up for dead, replaced while away. Every acknowledged write is there at the end. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { ClusterStatus, LocalCluster } from "../../src/tools/local-cluster.ts";
import { keepWorking } from "./growth.ts";
import { fails, makeTree, putText, scratch, startCluster, textOf } from "./harness.ts";

/** The others take a minute each: QDFS_LONG=1 runs them, too. */
const LONG = process.env.QDFS_LONG === "1";

setDefaultTimeout(180_000); // real processes on a busy machine; Bun forgets it at the end of each file

const MOVED_MS = 120_000;

function nodeOf({ nodes }: ClusterStatus, id: string): ClusterStatus["nodes"][number] | undefined {
  return nodes.find((node) => node.id === id);
}

function settled(status: ClusterStatus): boolean {
  return status.state === "ok" && status.rebalance === null;
}

/** With four DataNodes every one of them has its share. */
async function startFour(options: Parameters<typeof startCluster>[0] = {}): Promise<LocalCluster> {
  const cluster = await startCluster({ nodes: 4, ...options });
  await cluster.waitFor((status) => settled(status) && (nodeOf(status, "dn-4")?.partitions ?? 0) > 500, MOVED_MS);
  return cluster;
}

async function expectTree(cluster: LocalCluster, from: string, to: string): Promise<void> {
  await cluster.ok(["get", "-r", "/t", to]);
  expect(await treeOf(to)).toEqual(await treeOf(from));
}

/** What happens to somebody who starts a DataNode with that data directory. */
function startAgain(cluster: LocalCluster, index: number) {
  const args = ["datanode", "--port", "0", "--http-port", "0", "--data", join(cluster.dir, `dn${index + 1}`)];
  return cluster.run(args, { timeoutMs: 30_000 });
}

test("a DataNode is drained under load over a death of the SuperNode, and removed; its disk does not come back", async () => {
  await using cluster = await startFour();
  using files = scratch();
  const tree = join(files.path, "in");
  makeTree(tree, 200);
  await cluster.ok(["put", "-r", tree, "/t"]);
  const work = keepWorking(cluster);

  const [plan] = await cluster.rows<{ partitions: number; sizeBytes: number; expectedMs: number; remaining: string[] }>([
    "drain",
    "dn-2",
    "--dry-run",
  ]);
  expect(plan?.partitions).toBeGreaterThan(500);
  expect(plan?.sizeBytes).toBeGreaterThan(0);
  expect(plan?.expectedMs).toBeGreaterThan(0);
  expect(plan?.remaining).toEqual(["dn-1", "dn-3", "dn-4"]);
  expect(nodeOf(await cluster.status(), "dn-2")?.standing).toBe("member");
  expect((await fails(cluster, Exit.PRECONDITION, ["remove", "dn-2"])).stderr).toContain("drain it first");

  await cluster.ok(["drain", "dn-2", "--no-wait"]);
  const second = await fails(cluster, Exit.UNAVAILABLE, ["drain", "dn-3"]);
  expect(second.stderr).toContain(
    "CLUSTER_WAITING: draining dn-3 would leave 2 (dn-1, dn-4) of 4 DataNodes to hold n=3 copies: 1 too few; dn-2 is being drained",
  );
  await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
  await cluster.supernode.stop("SIGKILL");
  await cluster.supernode.start();
  const { stderr } = await cluster.ok(["drain", "dn-2"], { timeoutMs: MOVED_MS });
  expect(stderr).toContain("partitions left");
  expect(nodeOf(await cluster.status(), "dn-2")).toMatchObject({ state: "draining", partitions: 0 });

  await cluster.ok(["remove", "dn-2"]);
  expect(await work.stop()).toBeGreaterThan(0);
  await cluster.node(1).stop();
  expect(nodeOf(await cluster.waitFor(settled), "dn-2")).toBeUndefined();
  const again = await startAgain(cluster, 1);
  expect([again.exit, again.stderr]).toEqual([Exit.DENIED, expect.stringContaining("removed from the cluster for good")]);
  await expectTree(cluster, tree, join(files.path, "out"));
});

test.if(LONG)("a drain is refused with its arithmetic, and one that was cancelled gives the node its share back", async () => {
  await using cluster = await startCluster();
  using files = scratch();
  const tree = join(files.path, "in");
  makeTree(tree, 200);
  await cluster.ok(["put", "-r", tree, "/t"]);
  expect((await fails(cluster, Exit.UNAVAILABLE, ["drain", "dn-1"])).stderr).toContain("would leave 2 (dn-2, dn-3) of 3");
  expect((await fails(cluster, Exit.NOT_FOUND, ["drain", "dn-9"])).stderr).toContain("there is no dn-9");
  expect((await fails(cluster, Exit.PRECONDITION, ["drain", "dn-1", "--cancel"])).stderr).toContain("not being drained");

  await cluster.addNode().start();
  await cluster.waitFor((status) => settled(status) && (nodeOf(status, "dn-4")?.partitions ?? 0) > 0, MOVED_MS);
  const before = nodeOf(await cluster.status(), "dn-1")?.partitions;
  const work = keepWorking(cluster);
  await cluster.ok(["drain", "dn-1", "--no-wait"]);
  await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
  await cluster.ok(["drain", "dn-1", "--cancel"]);
  const status = await cluster.waitFor((now) => settled(now) && nodeOf(now, "dn-1")?.partitions === before, MOVED_MS);
  expect(nodeOf(status, "dn-1")).toMatchObject({ state: "up", standing: "member" });
  expect(await work.stop()).toBeGreaterThan(0);
  await expectTree(cluster, tree, join(files.path, "out"));
});

test.if(LONG)("two operators drain two DataNodes at once, and a third is told that too few would be left", async () => {
  await using cluster = await startCluster({ nodes: 5 });
  using files = scratch();
  const tree = join(files.path, "in");
  makeTree(tree, 200);
  await cluster.ok(["put", "-r", tree, "/t"]);
  await cluster.waitFor(settled, MOVED_MS);
  const work = keepWorking(cluster);
  const drains = ["dn-1", "dn-2"].map((node) => cluster.ok(["drain", node], { timeoutMs: MOVED_MS }));
  await cluster.waitFor(({ nodes }) => nodes.filter(({ standing }) => standing !== "member").length === 2);
  expect((await fails(cluster, Exit.UNAVAILABLE, ["drain", "dn-3"])).stderr).toContain("would leave 2 (dn-4, dn-5) of 5");
  await Promise.all(drains);
  expect(await work.stop()).toBeGreaterThan(0);
  const status = await cluster.waitFor(settled, MOVED_MS);
  for (const node of ["dn-1", "dn-2"]) expect(nodeOf(status, node)?.partitions).toBe(0);
  for (const index of [0, 1]) await cluster.node(index).stop("SIGKILL");
  await expectTree(cluster, tree, join(files.path, "out"));
});

test("with w=n a DataNode that is killed for good is given up, others take its place, and writes succeed again", async () => {
  await using cluster = await startFour({ quorum: "read-optimized" });
  using files = scratch();
  const tree = join(files.path, "in");
  makeTree(tree, 200);
  await cluster.ok(["put", "-r", tree, "/t"]);
  expect((await fails(cluster, Exit.PRECONDITION, ["remove", "--dead", "dn-3"])).stderr).toContain("dn-3 is up, not down");
  await cluster.node(2).stop("SIGKILL");
  await cluster.waitFor((status) => nodeOf(status, "dn-3")?.state === "down");
  const [plan] = await cluster.rows<{ partitions: number; losingPartitions: number }>(["remove", "--dead", "dn-3", "--dry-run"]);
  expect(plan?.partitions).toBeGreaterThan(500);
  expect(plan?.losingPartitions).toBe(0);

  const { stderr } = await cluster.ok(["remove", "--dead", "dn-3"], { timeoutMs: MOVED_MS });
  expect(stderr).toContain("partitions left");
  const status = await cluster.waitFor(settled, MOVED_MS);
  expect(nodeOf(status, "dn-3")).toBeUndefined();
  for (let count = 0; count < 20; count += 1) await putText(cluster, `/after/${count}`, `text ${count}`);
  await expectTree(cluster, tree, join(files.path, "out"));
  const again = await startAgain(cluster, 2);
  expect([again.exit, again.stderr]).toEqual([Exit.DENIED, expect.stringContaining("removed from the cluster for good")]);
});

test.if(LONG)("with w=1 giving up a DataNode says what may be lost, and needs to be told that this is accepted", async () => {
  await using cluster = await startFour({ quorum: "write-optimized" });
  await putText(cluster, "/kept", "kept");
  await cluster.node(3).stop("SIGKILL");
  await cluster.waitFor((status) => nodeOf(status, "dn-4")?.state === "down");
  const refused = await fails(cluster, Exit.PRECONDITION, ["remove", "--dead", "dn-4"]);
  expect(refused.stderr).toContain("with w=1 a write may have been acknowledged when it stood on dn-4 alone");
  expect(nodeOf(await cluster.status(), "dn-4")?.standing).toBe("member");
  await cluster.ok(["remove", "--dead", "dn-4", "--accept-loss"], { timeoutMs: MOVED_MS });
  await cluster.waitFor(settled, MOVED_MS);
  await putText(cluster, "/after", "after");
  expect(await textOf(cluster, "/after")).toBe("after");
});

test.if(LONG)(
  "a DataNode that dies during a rebalance is replaced, and is given its share anew when it comes back after it",
  async () => {
    await using cluster = await startFour({ superFlags: ["--replace-after", "7s"] });
    using files = scratch();
    const tree = join(files.path, "in");
    makeTree(tree, 200);
    await cluster.ok(["put", "-r", tree, "/t"]);
    await putText(cluster, "/removed", "soon");
    const fifth = cluster.addNode();
    await fifth.start();
    await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
    await cluster.node(0).stop("SIGKILL");
    await cluster.ok(["rm", "/removed"]);
    const work = keepWorking(cluster);
    await cluster.waitFor(
      (status) =>
        status.rebalance === null && nodeOf(status, "dn-1")?.standing === "replaced" && nodeOf(status, "dn-1")?.partitions === 0,
      MOVED_MS,
    );
    await cluster.node(0).start();
    const back = await cluster.waitFor(
      (status) =>
        settled(status) && nodeOf(status, "dn-1")?.standing === "member" && (nodeOf(status, "dn-1")?.partitions ?? 0) > 400,
      MOVED_MS,
    );
    expect(nodeOf(back, "dn-1")?.state).toBe("up");
    expect(await work.stop()).toBeGreaterThan(0);
    await fails(cluster, Exit.NOT_FOUND, ["cat", "/removed"]);
    await expectTree(cluster, tree, join(files.path, "out"));
  },
);
