/** A server starts only where it belongs, and leaves alone what it refuses. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import type { CommandResult } from "../../src/tools/run-command.ts";
import { ServerProcess } from "../../src/tools/server-process.ts";
import { BINARY, PATIENCE_MS, putText, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster();
  await putText(cluster, "/a", "x");
}, PATIENCE_MS);
afterAll(() => cluster?.stop());

/** Runs a server that must refuse to start, with words and without a stack trace. */
async function refused(...args: readonly string[]): Promise<CommandResult> {
  const result = await cluster.run(args, { timeoutMs: 20_000 });
  expect([null, Exit.DONE, Exit.BUG]).not.toContain(result.exit);
  expect(result.stderr.trim()).not.toBe("");
  expect(result.stderr).not.toContain("    at ");
  return result;
}

function startNode(data: string, port = "0", supernode = cluster.address): Promise<CommandResult> {
  return refused("datanode", "--port", port, "--http-port", "0", "--data", data, "--supernode", supernode);
}

/** A copy of a stopped node's data directory, to be spoilt. */
async function copyOfData(name: string): Promise<string> {
  const node = cluster.node(2);
  await node.stop("SIGTERM");
  const copy = join(cluster.dir, name);
  cpSync(join(cluster.dir, "dn3"), copy, { recursive: true });
  await node.start();
  return copy;
}

test("a data directory in use is refused, and its user goes on", async () => {
  expect((await startNode(join(cluster.dir, "dn1"))).exit).toBe(Exit.LOCAL);
  expect((await refused("supernode", "--port", "0", "--http-port", "0", "--data", join(cluster.dir, "super"))).exit).toBe(
    Exit.LOCAL,
  );
  expect(await textOf(cluster, "/a")).toBe("x");
});

test("a data directory of another cluster, or of another role, is refused and left untouched", async () => {
  const copy = await copyOfData("moved");
  await using other = await startCluster({ nodes: 3 });
  const before = await treeOf(copy);
  expect((await startNode(copy, "0", other.address)).stderr.toLowerCase()).toContain("cluster");
  await refused("supernode", "--port", "0", "--http-port", "0", "--data", copy);
  expect((await treeOf(copy))["identity.json"]).toBe(before["identity.json"] ?? "");
});

test("a member that is refused only later ends with that refusal's exit code", async () => {
  const copy = await copyOfData("late");
  await using other = await startCluster({ nodes: 0, wait: false });
  await Promise.all([other.supernode.stop(), cluster.supernode.stop()]);
  const args = (port: string) => ["--port", port, "--http-port", "0", "--data", copy, "--supernode", other.address];
  const node = new ServerProcess(BINARY, "datanode", args, join(cluster.dir, "late-node"), {});
  await node.start(); // with the map it has, for neither SuperNode answers: where it is sent, or where it belongs
  await other.supernode.start();
  for (let waitedMs = 0; node.running && waitedMs < 20_000; waitedMs += 50) await Bun.sleep(50);
  expect(await node.stop()).toBe(Exit.USAGE);
  expect(node.stderr()).toContain("WRONG_CLUSTER");
  await cluster.supernode.start();
});

test("a data directory of a newer format is refused and left untouched", async () => {
  const copy = await copyOfData("newer");
  const identity = join(copy, "identity.json");
  writeFileSync(identity, JSON.stringify({ ...JSON.parse(readFileSync(identity, "utf8")), format: 999 }));
  const before = await treeOf(copy);
  const { exit, stderr } = await startNode(copy);
  expect(exit).toBe(Exit.LOCAL);
  expect(stderr).toMatch(/newer|format/);
  expect(await treeOf(copy)).toEqual(before);
});

test("a damaged database is refused and left untouched", async () => {
  const copy = await copyOfData("damaged");
  writeFileSync(join(copy, "node.db"), Buffer.alloc(64 * 1024, 0x5a));
  const before = (await treeOf(copy))["node.db"];
  expect((await startNode(copy)).exit).toBe(Exit.LOCAL);
  expect((await treeOf(copy))["node.db"]).toBe(before ?? "");
});

test("a data directory without its identity is not taken for a new one", async () => {
  const copy = await copyOfData("anonymous");
  writeFileSync(join(copy, "identity.json"), "");
  expect((await startNode(copy)).exit).toBe(Exit.LOCAL);
});

test("a port in use is said", async () => {
  const port = cluster.node(0).ready.grpc.split(":").at(-1) ?? "";
  expect((await startNode(join(cluster.dir, "fresh"), port)).stderr.toLowerCase()).toContain("in use");
});

test("a quorum that does not hold is refused with its arithmetic", async () => {
  for (const spec of ["n=3,w=1,r=1", "n=3,w=4,r=2", "n=0,w=0,r=0", "w=x", "n=3,w=2,r=1"]) {
    const { exit, stderr } = await refused("supernode", "--port", "0", "--data", join(cluster.dir, "other"), "--quorum", spec);
    expect(exit).toBe(Exit.USAGE);
    if (spec === "n=3,w=2,r=1") expect(stderr).toMatch(/2 \+ 1|w \+ r|r \+ w/i);
  }
});

test("a cluster with too few DataNodes says what it waits for", async () => {
  await using small = await startCluster({ nodes: 0, wait: false });
  await small.addNode().start();
  const { exit, stderr } = await small.run(["put", "-", "/x"], { stdin: "x" });
  expect(exit).toBe(Exit.UNAVAILABLE);
  expect(stderr).toMatch(/CLUSTER_WAITING|wait/i);
  expect((await small.status()).state).toBe("unavailable");
});

test("a free port is chosen for port 0, and said", async () => {
  const { grpc, http } = cluster.node(0).ready;
  expect(grpc).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
  expect(http).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
});
