/** A cluster that grows: a new DataNode is given its share, files and chunks and kept versions, whoever dies meanwhile. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { treeOf } from "../../src/tools/file-trees.ts";
import { keepWorking, rebalanced } from "./growth.ts";
import { bytesOf, makeTree, putText, scratch, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const LARGE_BYTES = 23 * 1024 * 1024 + 5;
const REBALANCED_MS = 90_000;

test("a fourth DataNode gets its share under load, over deaths of the SuperNode and of itself; then an old one may die", async () => {
  await using cluster = await startCluster();
  using files = scratch();
  makeTree(join(files.path, "in"), 250);
  writeFileSync(join(files.path, "large"), bytesOf(LARGE_BYTES, 7));
  await cluster.ok(["put", "-r", join(files.path, "in"), "/t"]);
  await cluster.ok(["put", join(files.path, "large"), "/large"]);
  for (const text of ["one", "two", "three"]) await putText(cluster, "/kept", text);
  const work = keepWorking(cluster);

  const fourth = cluster.addNode();
  await fourth.start();
  await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
  await cluster.supernode.stop("SIGKILL");
  await cluster.supernode.start();
  await cluster.waitFor(({ rebalance }) => rebalance === null || rebalance.moving > 0);
  await fourth.stop("SIGKILL");
  await fourth.start();
  const status = await cluster.waitFor(rebalanced("dn-4"), REBALANCED_MS);
  expect(await work.stop()).toBeGreaterThan(0);
  const leads = status.nodes.map((node) => node.leads);
  expect(Math.min(...leads)).toBeGreaterThan(1024 / 4 / 2); // as even as placement is

  for (const dead of [0, 1]) {
    await cluster.node(dead).stop("SIGKILL");
    await cluster.ok(["get", "-r", "/t", join(files.path, `out${dead}`)]);
    expect(await treeOf(join(files.path, `out${dead}`))).toEqual(await treeOf(join(files.path, "in")));
    await cluster.ok(["get", "/large", join(files.path, `large${dead}`)]);
    expect(readFileSync(join(files.path, `large${dead}`)).equals(readFileSync(join(files.path, "large")))).toBe(true);
    for (const [at, text] of ["one", "two", "three"].entries()) expect(await textOf(cluster, `/kept@${at + 1}`)).toBe(text);
    await cluster.node(dead).start();
    await cluster.waitFor(({ state }) => state === "ok");
  }
});
