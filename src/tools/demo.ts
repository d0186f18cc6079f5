/**
 * `npm run demo`: a cluster of real processes on this machine, shown at work and at its limits. Every step checks what it
 * shows.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../base/errors.ts";
import { formatCount, formatSize } from "../base/units.ts";
import type { KindRates } from "./bench-rates.ts";
import { checksumOfFile, treeOf, writeRandomFile } from "./file-trees.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { Narrator } from "./narrator.ts";
import type { ServerProcess } from "./server-process.ts";
import { play, REPOSITORY, seconds, timed } from "./show.ts";

const BIG_FILE_BYTES = 256 * 2 ** 20;
/** Real directories that every checkout has. */
const TREES = ["src", "test", "proto", "node_modules/@grpc", "node_modules/clipanion"];
/** The whole demo; past that something hangs, and saying so beats waiting. */
const DEMO_MS = 170_000;

const narrator = new Narrator();

function introduce(cluster: LocalCluster): void {
  for (const { role, ready } of [cluster.supernode, ...cluster.nodes]) {
    narrator.say(
      `${role.padEnd(9)}  ${role === "supernode" ? "    " : ready.id}  pid ${ready.pid}  gRPC ${ready.grpc}  HTTP ${ready.http}`,
    );
  }
  narrator.say(`Data under ${cluster.dir}. Every file has N=3 copies; a write waits for W=2 flushed ones, a read asks R=2.`);
}

interface PutRow {
  readonly path: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly elapsedMs: number;
}

async function storeAndVerify(cluster: LocalCluster): Promise<void> {
  narrator.step("A directory tree and a large file go in, and come back");
  const [tree, big] = [join(cluster.dir, "tree"), join(cluster.dir, "big.bin")];
  for (const part of TREES) cpSync(join(REPOSITORY, part), join(tree, part), { recursive: true });
  writeRandomFile(big, BIG_FILE_BYTES);
  const original = await treeOf(tree);
  const files = Object.keys(original);
  narrator.typed("qdfs put -r tree /demo/tree");
  const put = await timed(() => cluster.rows<PutRow>(["put", "-r", tree, "/demo/tree"]));
  const bytes = put.result.reduce((sum, row) => sum + row.sizeBytes, 0);
  narrator.expect(
    put.result.length === files.length,
    `${formatCount(files.length)} files (${formatSize(bytes)}) stored in ${seconds(put.tookMs)}`,
    `${put.result.length} files`,
  );
  narrator.typed("qdfs put big.bin /demo/big.bin");
  const stored = await timed(() => cluster.rows<PutRow>(["put", big, "/demo/big.bin"]));
  const row = stored.result[0];
  narrator.expect(
    row?.sizeBytes === BIG_FILE_BYTES,
    `${formatSize(BIG_FILE_BYTES)} stored in ${seconds(stored.tookMs)} (${rate(stored.tookMs)}), two flushed copies of every chunk`,
  );
  narrator.typed("qdfs ls /demo -l");
  narrator.say((await cluster.ok(["ls", "/demo", "-l"])).stdout.toString().trimEnd());
  const listed = await cluster.rows<{ type: string }>(["ls", "-r", "/demo"]);
  narrator.expect(
    listed.filter(({ type }) => type === "file").length === files.length + 1,
    "the listing shows every file that was put",
  );
  narrator.typed("qdfs get -r /demo/tree back && qdfs get /demo/big.bin big.back");
  await cluster.ok(["get", "-r", "/demo/tree", join(cluster.dir, "back")]);
  narrator.expect(
    Bun.deepEquals(await treeOf(join(cluster.dir, "back")), original),
    "the tree came back identical, byte for byte",
  );
  const fetched = await timed(() => cluster.ok(["get", "/demo/big.bin", join(cluster.dir, "big.back")]));
  narrator.expect(
    (await checksumOfFile(join(cluster.dir, "big.back"))) === row?.checksum,
    `the large file came back identical in ${seconds(fetched.tookMs)} (${rate(fetched.tookMs)})`,
  );
}

async function loseOneNode(cluster: LocalCluster): Promise<void> {
  const victim = cluster.node(0);
  narrator.step(`kill -9 ${victim.ready.id}: reading and writing go on`);
  await cluster.ok(["put", "-", "/demo/notes.txt"], { stdin: "written with all nodes up" });
  await kill(victim);
  narrator.typed("echo … | qdfs put - /demo/notes.txt; qdfs cat /demo/notes.txt");
  const put = await timed(() => cluster.ok(["put", "-", "/demo/notes.txt"], { stdin: "written with one node down" }));
  const { stdout } = await cluster.ok(["cat", "/demo/notes.txt"]);
  narrator.expect(
    stdout.toString() === "written with one node down",
    `written and read back with two of three nodes, the put in ${seconds(put.tookMs)} with start-up`,
  );
  await cluster.ok(["get", "/demo/big.bin", join(cluster.dir, "big.back")]);
  narrator.expect(
    (await checksumOfFile(join(cluster.dir, "big.back"))) === (await checksumOfFile(join(cluster.dir, "big.bin"))),
    "the large file is whole",
  );
}

async function loseTwoNodes(cluster: LocalCluster): Promise<void> {
  narrator.step(`kill -9 ${cluster.node(1).ready.id} as well: an honest error`);
  await kill(cluster.node(1));
  narrator.typed("echo … | qdfs put - /demo/notes.txt");
  const { exit, stderr } = await cluster.run(["put", "-", "/demo/notes.txt"], { stdin: "must never be seen" });
  narrator.say(stderr.trimEnd());
  narrator.expect(
    exit === Exit.UNAVAILABLE && stderr.includes("QUORUM_UNAVAILABLE"),
    `exit ${Exit.UNAVAILABLE}: one of three is no quorum, and nothing was done`,
    `exit ${exit}`,
  );
}

async function bringThemBack(cluster: LocalCluster): Promise<void> {
  narrator.step("Both nodes start again and catch up");
  await Promise.all([cluster.node(0).start(), cluster.node(1).start()]);
  const back = await timed(() => cluster.waitFor(({ state }) => state === "ok"));
  narrator.expect(true, `the cluster is whole again ${seconds(back.tookMs)} after they came up`);
  const { stdout } = await cluster.ok(["cat", "/demo/notes.txt"]);
  narrator.expect(
    stdout.toString() === "written with one node down",
    "the refused write left no trace, the acknowledged one is there",
  );
  const caughtUp = await timed(() => replicasCurrent(cluster, "/demo/notes.txt"));
  narrator.typed("qdfs stat /demo/notes.txt");
  narrator.say(caughtUp.result.map(({ node, version, state }) => `${node}  version ${version}  ${state}`).join("\n"));
  narrator.expect(true, `${cluster.node(0).ready.id} has fetched what it missed`);
}

interface Replica {
  readonly node: string;
  readonly version: number;
  readonly state: string;
}

/** Resolves when every replica holds the current version. */
async function replicasCurrent(cluster: LocalCluster, path: string): Promise<readonly Replica[]> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const [stat] = await cluster.rows<{ version: number; replicas: readonly Replica[] }>(["stat", path]);
    if (stat?.replicas.every(({ version }) => version === stat.version)) return stat.replicas;
    await Bun.sleep(200);
  }
  throw new Error(`a replica of ${path} does not catch up`);
}

interface BenchRow {
  readonly operations: Readonly<Record<string, KindRates>>;
}

async function measure(cluster: LocalCluster): Promise<void> {
  narrator.step("The four client types, 4 KiB files, every put flushed on two nodes, all processes on this machine");
  narrator.typed("qdfs bench --mix MIX --clients 16 --duration 4s --size 4KiB --files 500");
  narrator.say(["mix".padEnd(12), "kind", "  ops/s", "p50 ms", "p99 ms", "max ms", "errors"].join("  "));
  let errors = 0;
  for (const mix of ["read-heavy", "write-heavy", "balanced", "state-query"]) {
    const [result] = await cluster.rows<BenchRow>([
      "bench",
      "--mix",
      mix,
      "--clients",
      "16",
      "--duration",
      "4s",
      "--size",
      "4KiB",
      "--files",
      "500",
      "--cleanup",
    ]);
    for (const [kind, row] of Object.entries(result?.operations ?? {})) {
      errors += row.errors;
      if (row.count + row.errors === 0) continue;
      const figures = [row.p50Ms, row.p99Ms, row.maxMs].map((ms) => ms.toFixed(2).padStart(6));
      narrator.say(
        [
          mix.padEnd(12),
          kind.padEnd(4),
          formatCount(Math.round(row.perSec)).padStart(7),
          ...figures,
          String(row.errors).padStart(6),
        ].join("  "),
      );
    }
  }
  narrator.expect(errors === 0, "not one operation failed", `${errors} errors`);
}

async function takeLeave(cluster: LocalCluster): Promise<void> {
  narrator.step("What is left, and a clean end");
  narrator.typed("qdfs status");
  narrator.say((await cluster.ok(["status"])).stdout.toString().trimEnd());
  const exits = await Promise.all([...cluster.nodes, cluster.supernode].map((server) => server.stop("SIGTERM")));
  narrator.expect(
    exits.every((exit) => exit === 0),
    "SIGTERM: every server finished its work and exited 0",
    exits.join(", "),
  );
}

async function kill(node: ServerProcess): Promise<void> {
  narrator.typed(`kill -9 ${node.ready.pid}    # ${node.ready.id}`);
  await node.stop("SIGKILL");
}

function rate(tookMs: number): string {
  return `${formatSize(Math.round((BIG_FILE_BYTES / tookMs) * 1000))}/s`;
}

await play({
  narrator,
  longestMs: DEMO_MS,
  scenes: [introduce, storeAndVerify, loseOneNode, loseTwoNodes, bringThemBack, measure, takeLeave],
});
