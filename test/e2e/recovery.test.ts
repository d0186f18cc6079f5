/** The SuperNode's directory is lost, or put back from a backup: real processes, the compiled executable. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import { SqliteCatalogueStore } from "../../src/storage/catalogue-store.ts";
import type { CatalogueFile } from "../../src/supernode-ports.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { ListKind } from "../../src/wire/messages.ts";
import { bytesOf, fails, putText, scratch, startCluster, textOf } from "./harness.ts";
import { OtherSuperNode } from "./other-supernode.ts";

setDefaultTimeout(240_000); // real processes on a busy machine; Bun forgets it at the end of each file

/** Every row of a SuperNode's catalogue, tombstones too. No process may use the directory. */
function catalogueIn(dir: string): readonly CatalogueFile[] {
  const store = SqliteCatalogueStore.open(join(dir, "catalogue.db"));
  const rows: CatalogueFile[] = [];
  for (const kind of [ListKind.FILES, ListKind.TRASH]) {
    const { entries, more } = store.list({ prefix: "/", recursive: true, kind, after: "", limit: 100_000 });
    expect(more).toBe(false);
    for (const { path } of entries) {
      const row = store.entry(path);
      if (row !== undefined) rows.push(row);
    }
  }
  store.close();
  return rows;
}

/** Files of all kinds: several versions, deleted ones, restored ones, one in chunks. */
async function fill(cluster: LocalCluster): Promise<void> {
  using files = scratch();
  const tree = join(files.path, "tree");
  mkdirSync(join(tree, "deep/er"), { recursive: true });
  for (let i = 0; i < 60; i++) writeFileSync(join(tree, i % 2 === 0 ? "deep" : "deep/er", `f${i}`), bytesOf(100 * i, i + 1));
  await cluster.ok(["put", "-r", tree, "/tree"]);
  writeFileSync(join(files.path, "large"), bytesOf(9 << 20));
  await cluster.ok(["put", join(files.path, "large"), "/large"]);
  for (const text of ["one", "two", "three"]) await putText(cluster, "/versions", text);
  for (const path of ["/tree/deep/f2", "/tree/deep/er/f3", "/tree/deep/f4"]) await cluster.ok(["rm", path]);
  await cluster.ok(["restore", "/tree/deep/f4@1"]);
}

const listed = async (cluster: LocalCluster) => (await cluster.ok(["ls", "/", "-r", "--json"])).stdout.toString();
const trash = async (cluster: LocalCluster) => (await cluster.ok(["trash", "--json"])).stdout.toString();

test("a SuperNode whose directory is lost is made anew from one DataNode: the same catalogue, row by row, and the old one is refused", async () => {
  await using cluster = await startCluster();
  await fill(cluster);
  const before = { ls: await listed(cluster), trash: await trash(cluster) };
  await cluster.supernode.stop("SIGKILL");
  const lost = join(cluster.dir, "lost");
  renameSync(join(cluster.dir, "super"), lost);
  cpSync(lost, join(cluster.dir, "old"), { recursive: true });

  await using rebuilt = new OtherSuperNode(cluster, "rebuilt", "--recover-from", cluster.node(1).ready.grpc);
  await rebuilt.start();
  // Nobody was told where it is: clients and DataNodes go on with the address that they had.
  expect({ ls: await listed(cluster), trash: await trash(cluster) }).toEqual(before);
  expect(await rebuilt.stop("SIGTERM")).toBe(0);
  const rows = catalogueIn(rebuilt.dir);
  expect(rows.filter(({ tombstone }) => tombstone).map(({ path }) => path)).toEqual(["/tree/deep/er/f3", "/tree/deep/f2"]);
  expect(rows).toEqual(catalogueIn(lost));
  expect(rows).toHaveLength(62);

  // It comes back from its own directory; reads and writes go on.
  const { grpc } = rebuilt.ready;
  await using again = new OtherSuperNode(cluster, "rebuilt", "--port", grpc.split(":")[1] ?? "");
  await again.start();
  await putText(cluster, "/versions", "four");
  expect(await textOf(cluster, "/versions")).toBe("four");
  expect(await textOf(cluster, "/versions@2")).toBe("two");
  expect((await cluster.ok(["cat", "/large"])).stdout.equals(bytesOf(9 << 20))).toBe(true);
  expect((await cluster.ok(["stat", "/large", "--json"])).stdout.toString()).toContain('"version":1');
  await cluster.waitFor((status) => status.state === "ok" && status.nodes.every(({ state }) => state === "up"));

  // A DataNode that is started with the old address finds it, too.
  await cluster.node(0).stop("SIGKILL");
  await cluster.node(0).start();
  await cluster.waitFor((status) => status.state === "ok" && status.nodes.every(({ state }) => state === "up"));

  const old = await cluster.run(["supernode", "--port", "0", "--http-port", "0", "--data", join(cluster.dir, "old")]);
  expect(old.exit).toBe(Exit.DENIED);
  expect(old.stderr).toContain("SUPERSEDED: this SuperNode was replaced: it is of generation 1");
  const twice = ["supernode", "--port", "0", "--data", rebuilt.dir, "--recover-from", cluster.node(1).ready.grpc];
  expect((await fails(cluster, Exit.LOCAL, twice)).stderr).toContain("another process uses the data directory");
  expect((await cluster.ok(["status", "--supernode", grpc])).stderr).toBe("");
});

test("a SuperNode that lives on is replaced, says so and ends with exit code 8", async () => {
  await using cluster = await startCluster();
  await putText(cluster, "/a", "x");
  await using rebuilt = new OtherSuperNode(cluster, "rebuilt", "--recover-from", cluster.node(0).ready.grpc);
  await rebuilt.start();
  for (let i = 0; i < 200 && cluster.supernode.running; i++) await Bun.sleep(50);
  expect(await cluster.supernode.stop()).toBe(Exit.DENIED);
  expect(cluster.supernode.stderr()).toContain('"code":"SUPERSEDED"');
  expect(await listed(cluster)).toContain('"/a"');
});

test("a recovery that cannot be is refused, and says what lacks", async () => {
  await using cluster = await startCluster();
  await using other = await startCluster({ nodes: 1, quorum: "n=1,w=1,r=1" });
  const recover = (from: string, data: string) => [
    "supernode",
    ...["--port", "0", "--http-port", "0", "--data", join(cluster.dir, data), "--recover-from", from, "--timeout", "1s"],
  ];
  const [one, two] = [cluster.node(0).ready.grpc, cluster.node(1).ready.grpc];
  await cluster.supernode.stop("SIGKILL");
  expect((await fails(cluster, Exit.UNAVAILABLE, recover("127.0.0.1:1", "a"))).stderr).toContain("no DataNode answers");
  expect((await fails(cluster, Exit.USAGE, recover(`${one},${other.node(0).ready.grpc}`, "b"))).stderr).toContain(
    "WRONG_CLUSTER",
  );
  expect((await fails(cluster, Exit.USAGE, recover("nonsense", "c"))).stderr).toContain("HOST:PORT");
  expect((await fails(cluster, Exit.USAGE, [...recover(one, "c"), "--host", "0.0.0.0"])).stderr).toContain("--advertise");
  expect((await fails(cluster, Exit.LOCAL, recover(one, "super"))).stderr).toContain(`not empty: it holds the map of cluster`);
  await cluster.node(1).stop("SIGKILL");
  await cluster.node(2).stop("SIGKILL");
  const short = await fails(cluster, Exit.UNAVAILABLE, recover(`${one},${two}`, "d"));
  expect(short.stderr).toMatch(
    /QUORUM_UNAVAILABLE: .*of dn-1, dn-2 and dn-3 \(1024 partitions, w=2, r=2\) 2 are needed, and 1 follows \(dn-\d: no server/,
  );
  // A recovery that was broken off has taken nobody's place: the SuperNode before goes on, and says who follows another one.
  await cluster.supernode.start();
  await cluster.node(1).start();
  await cluster.node(2).start();
  await cluster.waitFor(({ alarms }) => alarms.some((alarm) => alarm.includes("it follows generation 2 of another SuperNode")));
  await using rebuilt = new OtherSuperNode(cluster, "d", "--recover-from", one); // where it was broken off
  await rebuilt.start();
  for (let i = 0; i < 200 && cluster.supernode.running; i++) await Bun.sleep(50);
  expect(await cluster.supernode.stop()).toBe(Exit.DENIED);
  await putText(cluster, "/b", "y");
  expect(await listed(cluster)).toContain('"/b"');
});

/** Whatever else is or is not wrong while nodes come and go. */
async function doctorOf(
  cluster: LocalCluster,
): Promise<{ readonly backup: { readonly ageMs: number | null; readonly words: string } }> {
  return JSON.parse((await cluster.run(["doctor", "--json", "--limit", "0"])).stdout.toString());
}

test("a backup is made while puts run, and put back it is completed by the DataNodes", async () => {
  await using cluster = await startCluster();
  using files = scratch();
  const file = join(files.path, "super.backup");
  let going = true;
  let puts = 0;
  const load = (async () => {
    for (; going; puts++) await putText(cluster, `/load/${puts}`, `${puts}`);
  })();
  expect((await doctorOf(cluster)).backup.words).toContain("was never backed up");
  await fails(cluster, Exit.LOCAL, ["backup", join(files.path, "missing/dir")]);
  const [row] = await cluster.rows<{ nodes: number; generation: number; sizeBytes: number }>(["backup", file]);
  expect(row).toMatchObject({ nodes: 3, generation: 1 });
  await cluster.ok(["backup", file]); // takes its place
  const told = (await doctorOf(cluster)).backup;
  expect(told).toMatchObject({ make: "qdfs backup FILE", words: expect.stringContaining("was last backed up") });
  expect(told.ageMs).toBeLessThan(60_000);
  await cluster.addNode().start(); // dn-4, of which the backup knows nothing
  await cluster.waitFor(({ nodes }) => nodes.length === 4);
  await Bun.sleep(1_500); // heartbeats have brought the map to the others
  going = false;
  await load;
  const before = await listed(cluster);
  await cluster.supernode.stop("SIGKILL");
  rmSync(join(cluster.dir, "super"), { recursive: true });

  const dir = join(cluster.dir, "restored");
  await cluster.ok(["restore-backup", file, "--data", dir]);
  await fails(cluster, Exit.LOCAL, ["restore-backup", file, "--data", dir]);
  writeFileSync(join(files.path, "nothing"), "nothing");
  const empty = join(cluster.dir, "empty");
  await fails(cluster, Exit.LOCAL, ["restore-backup", join(files.path, "nothing"), "--data", empty]);
  await fails(cluster, Exit.LOCAL, ["restore-backup", join(files.path, "missing"), "--data", empty]);
  await fails(cluster, Exit.USAGE, ["restore-backup", file]);

  await using restored = new OtherSuperNode(cluster, "restored");
  await restored.start();
  expect(await listed(cluster)).toBe(before);
  expect(before.trim().split("\n")).toHaveLength(puts);
  const status = await cluster.waitFor(({ nodes }) => nodes.length === 4 && nodes.every(({ state }) => state === "up"));
  expect(status.nodes.map(({ id }) => id)).toEqual(["dn-1", "dn-2", "dn-3", "dn-4"]);
  // Numbers are not handed out again. A newcomer is told where the SuperNode is now.
  const next = cluster.addNode("--supernode", restored.ready.grpc);
  expect((await next.start()).id).toBe("dn-5");
});
