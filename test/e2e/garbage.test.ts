/** What was deleted is erased, what nobody names is collected, and nothing of it comes back: real processes (P14, P22). */
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { bytesOf, PATIENCE_MS, putText, scratch, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(PATIENCE_MS);

const SOON = ["--tombstone-grace", "1s", "--orphan-age", "1s"];
const LARGE_BYTES = 5 * 1024 * 1024;

interface Row {
  readonly path: string;
  readonly version: number;
}
interface Usage {
  readonly storedBytes: number;
  readonly reclaimable: readonly { readonly why: string; readonly count: number; readonly sizeBytes: number }[];
}

async function usage(cluster: LocalCluster): Promise<Usage> {
  const [row] = await cluster.rows<Usage>(["du", "--reclaimable"]);
  if (row === undefined) throw new Error("du says nothing");
  return row;
}

test("a node that was away during a deletion holds the erasing up, and brings nothing back when it returns", async () => {
  await using cluster = await startCluster({ superFlags: SOON });
  using files = scratch();
  writeFileSync(join(files.path, "large"), bytesOf(LARGE_BYTES, 3));
  for (const text of ["one", "two"]) await putText(cluster, "/small", text);
  await cluster.ok(["put", join(files.path, "large"), "/large"]);
  await cluster.node(2).stop("SIGKILL");
  await cluster.ok(["rm", "/small"]);
  await cluster.ok(["rm", "/large"]);
  const waiting = await cluster.waitFor(({ garbage }) => garbage?.waitsFor.includes("dn-3") === true);
  expect(waiting.garbage?.tombstones).toBeGreaterThan(0);
  expect((await cluster.rows<Row>(["trash"])).map(({ path }) => path)).toEqual(["/large", "/small"]);
  const trash = (await usage(cluster)).reclaimable.find(({ why }) => why === "trash");
  expect(trash).toMatchObject({ count: 2, sizeBytes: 0 }); // the versions are gone, the tombstones wait
  expect((await cluster.run(["restore", "/small@1"])).exit).toBe(3);

  await cluster.node(2).start();
  await cluster.waitFor(({ garbage }) => garbage?.tombstones === 0, 60_000);
  expect(await cluster.rows<Row>(["trash"])).toEqual([]);
  for (const path of ["/small", "/large"]) expect((await cluster.run(["get", path, "-"])).exit).toBe(3);
  // Two chunks on three nodes.
  await cluster.waitFor(({ garbage }) => (garbage?.collectedChunks ?? 0) >= 6 && garbage?.orphanChunks === 0, 60_000);
  expect((await usage(cluster)).reclaimable.every(({ sizeBytes }) => sizeBytes === 0)).toBe(true);

  // Versions begin anew, and the three of them agree, restarted or not.
  await putText(cluster, "/small", "three");
  await cluster.node(0).stop("SIGKILL");
  await cluster.node(0).start();
  expect(await textOf(cluster, "/small")).toBe("three");
  const [head] = await cluster.rows<Row>(["stat", "/small"]);
  expect(head?.version).toBe(1);
});

test("chunks of versions that retention dropped are collected while the file is read and written", async () => {
  await using cluster = await startCluster({ superFlags: [...SOON, "--keep-versions", "1"] });
  using files = scratch();
  for (const seed of [1, 2, 3]) {
    writeFileSync(join(files.path, `v${seed}`), bytesOf(LARGE_BYTES, seed));
    await cluster.ok(["put", join(files.path, `v${seed}`), "/large"]);
  }
  await cluster.waitFor(({ garbage }) => (garbage?.collectedChunks ?? 0) >= 6 && garbage?.orphanChunks === 0, 60_000);
  for (const version of [2, 3]) {
    const { stdout } = await cluster.ok(["cat", `/large@${version}`]);
    expect(Buffer.compare(stdout, bytesOf(LARGE_BYTES, version))).toBe(0);
  }
  expect((await cluster.run(["cat", "/large@1"])).exit).toBe(3);
});

test("versions that were superseded long enough ago go with the next change, others stay", async () => {
  await using cluster = await startCluster({ superFlags: ["--keep-for", "4s"] });
  for (const text of ["one", "two"]) await putText(cluster, "/f", text);
  expect(await textOf(cluster, "/f@1")).toBe("one");
  await Bun.sleep(4_500);
  expect(await textOf(cluster, "/f@1")).toBe("one"); // nothing has changed
  await putText(cluster, "/f", "three");
  const versions = (await cluster.rows<Row>(["versions", "/f"])).map(({ version }) => version);
  expect(versions.toSorted()).toEqual([2, 3]);
  expect((await cluster.run(["get", "/f@1", "-"])).exit).toBe(3);
  expect(await textOf(cluster, "/f@2")).toBe("two");
});
