/**
 * `npm run slow-node [-- --factor 10] [--in-flight 8] [--seconds 6] [--rounds 3] [--mix get|balanced]`: what one slow DataNode does to
 * strong reads, on real processes. Three DataNodes behind proxies of this process; in turn, all of them are as they are, or what goes to
 * and from one of them comes late, so that its answers take `factor` times what a read took. A line of JSON for each run, and the
 * medians' ratio in the end. Exit code 11 when p99 is more than twice the healthy cluster's.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Exit } from "../base/errors.ts";
import { medianOf } from "../base/median.ts";
import { ProxyNetwork } from "../cli/chaos/proxy-network.ts";
import type { BenchRates, KindRates } from "./bench-rates.ts";
import { LocalCluster } from "./local-cluster.ts";
import type { Ready } from "./server-process.ts";

const BINARY = process.env.QDFS_BIN ?? join(resolve(import.meta.dir, "../.."), "dist/qdfs");
const NODES = ["dn-1", "dn-2", "dn-3"];
const SLOW = "dn-2";
const FILES = 2_000;
const RATIO_MAX = 2;

const { values } = parseArgs({
  options: {
    factor: { type: "string", default: "10" },
    "in-flight": { type: "string", default: "8" },
    seconds: { type: "string", default: "6" },
    rounds: { type: "string", default: "3" },
    mix: { type: "string", default: "get" },
  },
});
const factor = Number(values.factor);
const rounds = Number(values.rounds);

/** A cluster each of whose DataNodes is reached through `links` alone. */
async function startBehind(links: ProxyNetwork): Promise<LocalCluster> {
  const cluster = await LocalCluster.start({ binary: BINARY, nodes: 0, wait: false });
  try {
    for (const server of NODES) {
      let ready: Ready | undefined;
      const grpc = await links.open({ server, target: () => ready?.grpc });
      const http = await links.open({ server, target: () => ready?.http });
      ready = await cluster.addNode("--advertise", grpc, "--advertise-http", http).start();
    }
    await cluster.waitFor(({ state }) => state === "ok");
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function reads(cluster: LocalCluster): Promise<KindRates> {
  const kind = values.mix === "balanced" ? ["--mix", "balanced"] : ["--only", "get"];
  const load = [
    "--clients",
    "1",
    "--in-flight",
    values["in-flight"],
    "--files",
    String(FILES),
    "--duration",
    `${values.seconds}s`,
  ];
  const [result] = await cluster.rows<BenchRates>(["bench", ...kind, ...load]);
  if (result === undefined) throw new Error("the bench says nothing");
  return result.operations.get;
}

async function main(): Promise<number> {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`npm run build\` first`);
  const links = new ProxyNetwork(() => undefined);
  const cluster = await startBehind(links);
  try {
    await reads(cluster); // warm
    const healthy: KindRates[] = [];
    const slow: KindRates[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const before = await reads(cluster);
      healthy.push(before);
      const delayMs = ((factor - 1) * medianOf(healthy.map(({ p50Ms }) => p50Ms))) / 2;
      const heal = links.delay((from, to) => from === SLOW || to === SLOW, delayMs);
      const during = await reads(cluster);
      heal();
      slow.push(during);
      process.stdout.write(`${JSON.stringify({ round, delayEachWayMs: delayMs, healthy: before, slow: during })}\n`);
    }
    const [healthyP99Ms, slowP99Ms] = [healthy, slow].map((runs) => medianOf(runs.map(({ p99Ms }) => p99Ms)));
    const ratio = (slowP99Ms ?? Number.NaN) / (healthyP99Ms ?? Number.NaN);
    process.stdout.write(`${JSON.stringify({ healthyP99Ms, slowP99Ms, ratio, ratioMax: RATIO_MAX })}\n`);
    return ratio <= RATIO_MAX ? Exit.DONE : Exit.VIOLATION;
  } finally {
    links.close();
    await cluster.stop();
  }
}

process.exitCode = await main();
