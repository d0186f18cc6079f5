/**
 * `npm run demo:grow`: a cluster of real processes that grows from three DataNodes to five, drains one, loses one for good and is whole
 * again, under a load that is judged in the end: no operation failed, the answers are linearizable, and what was stored before is there.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../base/errors.ts";
import { formatCount, formatSize } from "../base/units.ts";
import { type BackgroundLoad, startLoad } from "./background-load.ts";
import { treeOf, writeRandomFile } from "./file-trees.ts";
import type { ClusterStatus, LocalCluster } from "./local-cluster.ts";
import { Narrator } from "./narrator.ts";
import { play, REPOSITORY, seconds, timed } from "./show.ts";
import { Timeline } from "./timeline.ts";

const BIG_FILE_BYTES = 64 * 2 ** 20;
const TREES = ["src", "test", "proto"];
const SHOW_MS = 600_000;
/** Of the longest change of replicas. */
const CHANGE_MS = 180_000;
/** Operations per second: what two cores do along with eight processes, half of it to spare. */
const RATE = 200;
const FILES = 200;

const narrator = new Narrator();
const timeline = new Timeline();

/** What was stored before anything changed: name to checksum. */
let original: Record<string, string> = {};
let load: BackgroundLoad | undefined;

async function store(cluster: LocalCluster): Promise<void> {
  narrator.step("A directory tree goes in, and a load begins that does not end before the last scene");
  const tree = join(cluster.dir, "tree");
  for (const part of TREES) cpSync(join(REPOSITORY, part), join(tree, part), { recursive: true });
  writeRandomFile(join(tree, "big.bin"), BIG_FILE_BYTES);
  original = await treeOf(tree);
  narrator.typed("qdfs put -r tree /tree");
  await cluster.ok(["put", "-r", tree, "/tree"]);
  narrator.say(`${formatCount(Object.keys(original).length)} files, one of them of ${formatSize(BIG_FILE_BYTES)}.`);
  load = await beginLoad(cluster);
}

/** Half puts, half gets of 4 KiB, due at a fixed rate, and judged. */
async function beginLoad(cluster: LocalCluster): Promise<BackgroundLoad> {
  const flags = ["--mix", "balanced", "--clients", "8", "--rate", String(RATE), "--files", String(FILES), "--check"];
  narrator.typed(`qdfs bench ${flags.join(" ")} &`);
  const begun = await startLoad(cluster, flags);
  timeline.begin(begun.beganMs);
  return begun;
}

/** Nothing is moved any more, and every partition has its N replicas. */
function settled({ state, rebalance }: ClusterStatus): boolean {
  return state === "ok" && rebalance === null;
}

async function grow(cluster: LocalCluster): Promise<void> {
  narrator.step("Two DataNodes join, one command each: they are given their share");
  timeline.at("dn-4 and dn-5 join");
  for (let count = 0; count < 2; count += 1) {
    narrator.typed("qdfs datanode --port 0 --data DIR &");
    await cluster.addNode().start();
  }
  const grown = await timed(() =>
    cluster.waitFor(
      (status) => settled(status) && status.nodes.length === 5 && status.nodes.every(({ leads }) => leads > 0),
      CHANGE_MS,
    ),
  );
  narrator.typed("qdfs nodes");
  narrator.say((await cluster.ok(["nodes"])).stdout.toString().trimEnd());
  const leads = grown.result.nodes.map((node) => node.leads);
  timeline.at("everybody has a share");
  narrator.expect(
    Math.min(...leads) > Math.max(...leads) / 2,
    `five nodes lead ${leads.join(", ")} partitions, ${seconds(grown.tookMs)} after they came`,
    leads.join(", "),
  );
}

async function drain(cluster: LocalCluster): Promise<void> {
  narrator.step("dn-1 is drained, removed and switched off");
  narrator.typed("qdfs drain dn-1 --dry-run");
  narrator.say((await cluster.ok(["drain", "dn-1", "--dry-run"])).stdout.toString().trimEnd());
  timeline.at("dn-1 is drained");
  narrator.typed("qdfs drain dn-1");
  const drained = await timed(() => cluster.ok(["drain", "dn-1"], { timeoutMs: CHANGE_MS }));
  narrator.say(drained.result.stdout.toString().trimEnd());
  narrator.typed("qdfs remove dn-1");
  narrator.say((await cluster.ok(["remove", "dn-1"])).stdout.toString().trimEnd());
  timeline.at("dn-1 is removed");
  const exit = await cluster.node(0).stop("SIGTERM");
  narrator.expect(
    exit === Exit.DONE,
    `it left after ${seconds(drained.tookMs)}, holding nothing, and ended with exit 0`,
    `exit ${exit}`,
  );
  const status = await cluster.waitFor(settled);
  narrator.expect(!status.nodes.some(({ id }) => id === "dn-1"), "four nodes are left, and the cluster is whole");
}

async function lose(cluster: LocalCluster): Promise<void> {
  narrator.step("dn-2 is killed, and will never come back");
  narrator.typed(`kill -9 ${cluster.node(1).ready.pid}    # dn-2`);
  await cluster.node(1).stop("SIGKILL");
  timeline.at("dn-2 is killed");
  await cluster.waitFor(({ nodes }) => nodes.some(({ id, state }) => id === "dn-2" && state === "down"));
  narrator.typed("qdfs remove --dead dn-2");
  narrator.say((await cluster.ok(["remove", "--dead", "dn-2"], { timeoutMs: CHANGE_MS })).stdout.toString().trimEnd());
  const whole = await timed(() =>
    cluster.waitFor((status) => settled(status) && !status.nodes.some(({ id }) => id === "dn-2"), CHANGE_MS),
  );
  timeline.at("three whole copies of everything");
  narrator.expect(true, `its copies were made anew from the others: whole again ${seconds(whole.tookMs)} later, on three nodes`);
}

async function judge(cluster: LocalCluster): Promise<void> {
  narrator.step("The verdict");
  if (load === undefined) throw new Error("there is no load");
  const result = await load.end();
  timeline.at("the load ends");
  narrator.say(timeline.rows(result.series).join("\n"));
  const { put, get } = result.operations;
  narrator.expect(
    put.errors + get.errors === 0,
    `${formatCount(put.count)} puts and ${formatCount(get.count)} gets, not one failed`,
    `${put.errors} puts and ${get.errors} gets failed`,
  );
  narrator.expect(
    result.check.verdict === "ok",
    "the checker: every answer is linearizable, none acknowledged was lost",
    result.check.verdict,
  );
  narrator.step("One more is killed: two of the three copies must do");
  await cluster.node(2).stop("SIGKILL");
  const back = join(cluster.dir, "back");
  narrator.typed("qdfs get -r /tree back");
  await cluster.ok(["get", "-r", "/tree", back]);
  narrator.expect(Bun.deepEquals(await treeOf(back), original), "what was stored on dn-1, dn-2 and dn-3 is there, byte for byte");
}

await play({ narrator, longestMs: SHOW_MS, scenes: [store, grow, drain, lose, judge] });
