/** Processes that die, freeze and come back; disks that fill up and rot. What was acknowledged stays, what was refused stays away. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { ClusterStatus, LocalCluster } from "../../src/tools/local-cluster.ts";
import { smallDisk } from "../small-disk.ts";
import { bytesOf, fails, makeTree, putText, scratch, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

interface Replica {
  readonly node: string;
  readonly version: number;
}

/** Resolves when all replicas hold the file's current version. */
async function caughtUp(cluster: LocalCluster, path: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const [stat] = await cluster.rows<{ version: number; replicas: readonly Replica[] }>(["stat", path]);
    if (stat?.replicas.every(({ version }) => version === stat.version)) return;
    await Bun.sleep(200);
  }
  throw new Error(`the replicas of ${path} do not come to agree`);
}

describe("DataNodes", () => {
  test("one may be killed or frozen at any time; two are an honest error; back again they catch up", async () => {
    await using cluster = await startCluster();
    await putText(cluster, "/a", "one");
    await cluster.node(0).stop("SIGKILL");
    await putText(cluster, "/a", "two");
    await putText(cluster, "/b", "new while one is down");
    expect(await textOf(cluster, "/a")).toBe("two");
    await cluster.node(1).stop("SIGKILL");
    for (const args of [
      ["put", "-", "/a"],
      ["cat", "/a"],
      ["put", "-", "/never"],
    ]) {
      const { stderr } = await fails(cluster, Exit.UNAVAILABLE, args, { stdin: "three" });
      expect(stderr).toContain("QUORUM_UNAVAILABLE");
      expect(stderr).toContain("2 of 3");
    }
    await Promise.all([cluster.node(0).start(), cluster.node(1).start()]);
    await cluster.waitFor(({ state }) => state === "ok");
    expect(await textOf(cluster, "/a")).toBe("two");
    await fails(cluster, Exit.NOT_FOUND, ["cat", "/never"]);
    await caughtUp(cluster, "/a");
    await caughtUp(cluster, "/b");

    cluster.node(2).signal("SIGSTOP");
    const beganMs = performance.now();
    for (let index = 0; index < 4; index++) {
      await putText(cluster, `/frozen/${index}`, String(index));
      expect(await textOf(cluster, `/frozen/${index}`)).toBe(String(index));
    }
    expect(performance.now() - beganMs).toBeLessThan(12_000);
    cluster.node(2).signal("SIGCONT");
    await caughtUp(cluster, "/frozen/3");
  });

  test("one that is killed under load delays puts and fails none", async () => {
    await using cluster = await startCluster();
    const args = [
      "bench",
      "--only",
      "put",
      "--clients",
      "2",
      "--in-flight",
      "2",
      "--duration",
      "3s",
      "--files",
      "50",
      "--size",
      "100",
    ];
    const running = cluster.rows<{
      operations: { put: { errors: number; maxMs: number } };
      series: readonly { fromSec: number; operations: { put?: { count: number } } }[];
    }>(args);
    await Bun.sleep(1_200);
    await cluster.node(1).stop("SIGKILL");
    const [result] = await running;
    expect(result?.operations.put.errors).toBe(0);
    const after = result?.series.filter(({ fromSec }) => fromSec >= 2) ?? [];
    expect(after.reduce((sum, { operations }) => sum + (operations.put?.count ?? 0), 0)).toBeGreaterThan(0);
    expect(result?.operations.put.maxMs).toBeLessThan(2_000);
  });
});

describe("the SuperNode", () => {
  test("is not needed for files: not by a client that starts from a DataNode, nor by one that knows the map", async () => {
    await using cluster = await startCluster();
    await putText(cluster, "/before", "x");
    await cluster.supernode.stop("SIGKILL");
    const fromNode = { env: { QDFS_SUPERNODE: cluster.node(1).ready.grpc, XDG_CACHE_HOME: join(cluster.dir, "no-cache") } };
    await putText(cluster, "/during", "y", fromNode);
    expect(await textOf(cluster, "/before", fromNode)).toBe("x");
    // The SuperNode's address alone, and the map that earlier commands kept.
    await putText(cluster, "/cached", "z");
    expect(await textOf(cluster, "/during")).toBe("y");
    // A member serves without it, too.
    await cluster.node(0).stop("SIGKILL");
    await cluster.node(0).start();
    await cluster.node(1).stop("SIGKILL");
    expect(await textOf(cluster, "/cached")).toBe("z");
    await cluster.node(1).start();
    await fails(cluster, Exit.UNAVAILABLE, ["ls", "/"]);
    await cluster.supernode.start();
    await cluster.waitFor(({ state }) => state === "ok");
    expect((await cluster.rows<{ path: string }>(["ls", "/"])).map(({ path }) => path)).toEqual([
      "/before",
      "/cached",
      "/during",
    ]);
  });

  // These two mostly wait.
  test.concurrent("frozen is said within five seconds, and thawed it answers", async () => {
    await using cluster = await startCluster();
    await putText(cluster, "/a", "x"); // keeps the map, which says who else is there
    cluster.supernode.signal("SIGSTOP");
    for (const args of [["ls"], ["status"], ["du", "/"]]) {
      const beganMs = performance.now();
      await fails(cluster, Exit.UNAVAILABLE, args);
      expect(performance.now() - beganMs).toBeLessThan(5_500); // a machine that is busy has half a second
    }
    cluster.supernode.signal("SIGCONT");
    await cluster.ok(["ls"]);
  });

  test.concurrent("and everything else may be killed at once and come back in any order", async () => {
    await using cluster = await startCluster();
    using dir = scratch();
    makeTree(join(dir.path, "in"), 60);
    await cluster.ok(["put", "-r", join(dir.path, "in"), "/t"]);
    const servers = [cluster.supernode, ...cluster.nodes];
    await Promise.all(servers.map((server) => server.stop("SIGKILL")));
    await cluster.node(2).start();
    await cluster.node(0).start();
    await cluster.supernode.start();
    await cluster.node(1).start();
    await cluster.waitFor(({ state }) => state === "ok");
    await cluster.ok(["get", "-r", "/t", join(dir.path, "out")]);
    expect(await treeOf(join(dir.path, "out"))).toEqual(await treeOf(join(dir.path, "in")));
    for (const server of servers) expect(await server.stop("SIGTERM")).toBe(0);
  });
});

describe("disks", () => {
  test("chunk files that were damaged or deleted by hand are read elsewhere, set aside and replaced", async () => {
    await using cluster = await startCluster();
    const bytes = bytesOf(20 * 2 ** 20, 3);
    await cluster.ok(["put", "-", "/big"], { stdin: bytes });
    await caughtUp(cluster, "/big");
    const chunks = chunkFiles(join(cluster.dir, "dn1"));
    expect(chunks.length).toBeGreaterThan(2);
    for (const [index, path] of chunks.entries()) {
      if (index === 0) rmSync(path);
      else flipMiddle(path);
    }
    for (let attempt = 0; attempt < 6; attempt++) expect((await cluster.ok(["cat", "/big"])).stdout.equals(bytes)).toBe(true);
    // Readers met some of them, whose chunks are whole again by themselves.
    for (let waited = 0; waited < 100 && readdirSync(join(cluster.dir, "dn1", "quarantine")).length === 0; waited++)
      await Bun.sleep(100);
    expect(readdirSync(join(cluster.dir, "dn1", "quarantine")).length).toBeGreaterThan(0);
    await cluster.waitFor((status) => status.alarms.length === 0, 15_000);
  });

  const disk = smallDisk(256 * 2 ** 20);
  test.skipIf(disk === undefined)("a full one refuses writes and goes on serving reads until there is room", async () => {
    if (disk === undefined) return;
    using _ = disk;
    const dataDirs = { 0: join(disk.path, "dn1"), 1: join(disk.path, "dn2"), 2: join(disk.path, "dn3") };
    await using cluster = await startCluster({ dataDirs });
    await putText(cluster, "/kept", "before");
    disk.fill();
    // Each node notices for itself; before all do, one may still take a write that the others refuse: outcome unknown.
    const full = await cluster.waitFor((status) => fullNodes(status).length === 3, 15_000);
    expect(full.nodes.every(({ state }) => state === "up")).toBe(true);
    await fails(cluster, Exit.FULL, ["put", "-", "/kept"], { stdin: "refused" });
    await fails(cluster, Exit.FULL, ["put", "-", "/large"], { stdin: bytesOf(10 * 2 ** 20) });
    expect(await textOf(cluster, "/kept")).toBe("before");
    disk.empty();
    await cluster.waitFor((status) => fullNodes(status).length === 0, 15_000);
    await putText(cluster, "/kept", "after");
    expect(await textOf(cluster, "/kept")).toBe("after");
    await fails(cluster, Exit.NOT_FOUND, ["stat", "/large"]);
  });
});

function fullNodes({ alarms }: ClusterStatus): readonly string[] {
  return alarms.filter((alarm) => alarm.includes("disk full"));
}

function chunkFiles(dataDir: string): readonly string[] {
  const entries = readdirSync(join(dataDir, "chunks"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function flipMiddle(path: string): void {
  const bytes = readFileSync(path);
  const middle = Math.floor(statSync(path).size / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}
