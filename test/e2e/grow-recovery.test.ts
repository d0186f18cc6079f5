/** The SuperNode dies between the two configurations of partitions on their way to a new DataNode: it comes back, or its disk is lost. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SqliteMapStore } from "../../src/storage/map-store.ts";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { ClusterMap } from "../../src/wire/messages.ts";
import { keepWorking, rebalanced } from "./growth.ts";
import { bytesOf, makeTree, putText, scratch, startCluster, textOf } from "./harness.ts";
import { OtherSuperNode } from "./other-supernode.ts";

setDefaultTimeout(180_000); // real processes on a busy machine; Bun forgets it at the end of each file

const LARGE_BYTES = 9 * 1024 * 1024 + 5;
const REBALANCED_MS = 120_000;

/** The map in a SuperNode's directory, which no process may use. */
function mapIn(dir: string): ClusterMap {
  const store = new SqliteMapStore(join(dir, "map.db"));
  const state = store.load();
  store.close();
  if (state === undefined) throw new Error(`there is no map in ${dir}`);
  return state.map;
}

const jointIn = ({ partitions }: ClusterMap) => partitions.filter(({ sets }) => sets.length > 1).length;

for (const { title, isLost } of [
  {
    title: "a SuperNode that dies between two configurations and comes back completes the growth, and nothing is lost",
    isLost: false,
  },
  {
    title: "a SuperNode that is rebuilt without its disk between two configurations completes the growth, and nothing is lost",
    isLost: true,
  },
]) {
  test(title, async () => {
    await using cluster = await startCluster();
    using files = scratch();
    makeTree(join(files.path, "in"), 150);
    writeFileSync(join(files.path, "large"), bytesOf(LARGE_BYTES, 7));
    await cluster.ok(["put", "-r", join(files.path, "in"), "/t"]);
    await cluster.ok(["put", join(files.path, "large"), "/large"]);
    for (const text of ["one", "two", "three"]) await putText(cluster, "/kept", text);
    const work = keepWorking(cluster);
    await cluster.addNode().start();
    await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
    await cluster.supernode.stop("SIGKILL");

    const dir = join(cluster.dir, "super");
    const before = mapIn(dir);
    expect(jointIn(before)).toBeGreaterThan(0);
    await using rebuilt = new OtherSuperNode(cluster, "rebuilt", "--recover-from", cluster.node(1).ready.grpc);
    if (isLost) {
      renameSync(dir, join(cluster.dir, "lost"));
      await rebuilt.start();
    } else await cluster.supernode.start();
    await cluster.waitFor(rebalanced("dn-4"), REBALANCED_MS);
    const count = await work.stop();
    expect(count).toBeGreaterThan(0);

    await cluster.node(0).stop("SIGKILL");
    await cluster.ok(["get", "-r", "/t", join(files.path, "out")]);
    expect(treeOf(join(files.path, "out"))).toEqual(treeOf(join(files.path, "in")));
    expect((await cluster.ok(["cat", "/large"])).stdout.equals(bytesOf(LARGE_BYTES, 7))).toBe(true);
    for (const [at, text] of ["one", "two", "three"].entries()) expect(await textOf(cluster, `/kept@${at + 1}`)).toBe(text);
    for (let i = 0; i < count; i++) expect(await textOf(cluster, `/meanwhile/${i}`)).toBe(`text ${i}`);
    await cluster.node(0).start();
    await cluster.waitFor(({ state }) => state === "ok");
    expect((await cluster.rows(["ls", "/meanwhile", "--json"])).length).toBe(count);

    expect(await (isLost ? rebuilt : cluster.supernode).stop("SIGTERM")).toBe(0);
    const after = mapIn(isLost ? rebuilt.dir : dir);
    expect(jointIn(after)).toBe(0);
    expect(after.generation).toBe(isLost ? 2 : 1);
    expect(after.nodes.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    after.partitions.forEach(({ number }, partition) => {
      expect(number).toBeGreaterThanOrEqual(before.partitions[partition]?.number ?? 0);
    });
  });
}
