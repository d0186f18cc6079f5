/**
 * Under a write load, DataNodes and the SuperNode are killed with SIGKILL and started again, one or several at a time. Afterwards
 * every acknowledged put is there with its bytes, what was refused is nowhere, and no strong read has ever gone back.
 *
 * Short by default; QDFS_LONG=1 kills 100 times. QDFS_SEED repeats the choice of victims and pauses (not the timing of the processes).
 */
import { expect, test } from "bun:test";
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf } from "../../src/base/errors.ts";
import { type Client, connect } from "../../src/client/connect.ts";
import type { Random } from "../../src/ports.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import type { ServerProcess } from "../../src/tools/server-process.ts";
import { CrashLoad, readInto } from "./crash-load.ts";
import { CrashRecord } from "./crash-record.ts";
import { startCluster } from "./harness.ts";

const KILLS = process.env.QDFS_LONG === "1" ? 100 : 10;
const SEED = Number(process.env.QDFS_SEED ?? Math.floor(Math.random() * 1e6));
const REPLAY = `QDFS_SEED=${SEED}${KILLS === 100 ? " QDFS_LONG=1" : ""} node_modules/.bin/bun test test/e2e/crash.test.ts`;

test(
  `after ${KILLS} kills no acknowledged put is lost and nothing refused is visible`,
  async () => {
    await using cluster = await startCluster();
    const addresses = [cluster.supernode, ...cluster.nodes].map(({ ready }) => ready.grpc);
    const client = await connect({ addresses, cacheDir: null, timeoutMs: 10_000 });
    const [random, record] = [seededRandom(SEED), new CrashRecord()];
    try {
      const load = new CrashLoad(client, seededRandom(SEED + 1), record);
      await Bun.sleep(500);
      await killAndRestart(cluster, random);
      await Bun.sleep(500);
      await load.stop();
      await cluster.waitFor(({ state }) => state === "ok");
      await lookAtEverything(client, record);
    } finally {
      await client.close();
    }
    const { acknowledged, refused, unknown, reads } = record;
    const summary = `${acknowledged} puts acknowledged, ${refused} refused, ${unknown} of unknown outcome, ${reads} reads; again: ${REPLAY}`;
    process.stderr.write(`crash test: ${summary}\n`);
    expect(record.violations(), summary).toEqual([]);
    expect(acknowledged, summary).toBeGreaterThan(KILLS * 20);
  },
  KILLS * 9_000,
);

/** Kills some servers at once, waits a little, starts them again; until KILLS processes were killed. */
async function killAndRestart(cluster: LocalCluster, random: Random): Promise<void> {
  for (let kills = 0; kills < KILLS; ) {
    const victims = victimsOf(cluster, random);
    kills += victims.length;
    await Promise.all(victims.map((victim) => victim.stop("SIGKILL")));
    await Bun.sleep(50 + random.unit() * 400);
    await Promise.all(victims.map((victim) => victim.start()));
    await Bun.sleep(200 + random.unit() * 600);
  }
}

function victimsOf(cluster: LocalCluster, random: Random): readonly ServerProcess[] {
  const nodes = cluster.nodes.toSorted(() => random.unit() - 0.5);
  const drawn = random.unit();
  if (drawn < 0.65) return nodes.slice(0, 1);
  if (drawn < 0.8) return [cluster.supernode];
  if (drawn < 0.92) return nodes.slice(0, 2);
  return [cluster.supernode, ...nodes];
}

/** Reads every file and each of its kept versions, and lists all. */
async function lookAtEverything(client: Client, record: CrashRecord): Promise<void> {
  const paths = record.paths().values();
  const look = async () => {
    for (const path of paths) {
      const current = await readInto(record, client, path);
      if (current > 1) await readKept(client, record, path);
    }
  };
  await Promise.all(Array.from({ length: 16 }, look));
  const listed = new Set<string>();
  for await (const entry of client.list("/crash", { recursive: true })) if (!entry.directory) listed.add(entry.path);
  record.listed(listed);
}

async function readKept(client: Client, record: CrashRecord, path: string): Promise<void> {
  for (const { version } of await client.versions(path)) {
    try {
      record.kept(path, version, checksumOf((await client.read(path, { version })).bytes));
    } catch (error) {
      // Retention may drop a version between the two questions.
      if (codeOf(error) !== "NOT_FOUND") throw error;
    }
  }
}
