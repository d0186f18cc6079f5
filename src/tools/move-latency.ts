/**
 * `npm run move-latency`: what a rebalance costs the foreground. Three DataNodes under a load of half puts, half gets of 4 KiB at a fixed rate,
 * two more join; the p99 of each second until nothing is moved any more is set against the p99 of the seconds before, and of those after, when
 * five DataNodes share the processors that three had before. One row per run, the medians last. `--runs N` (1), `--files N` (3000, stored
 * before), `--rate N` (200 operations per second).
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { medianOf } from "../base/median.ts";
import { startLoad } from "./background-load.ts";
import { LocalCluster } from "./local-cluster.ts";
import { REPOSITORY } from "./show.ts";

/** Of the load alone: its first seconds are spent on connections and compiling. */
const WARM_SEC = 5;
const BEFORE_SEC = 15;
/** What moved is still being looked at and dropped in the first seconds. */
const CALM_SEC = 5;
const AFTER_SEC = 15;
const CHANGE_MS = 240_000;
const LOOK_MS = 2000;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1" },
    files: { type: "string", default: "3000" },
    rate: { type: "string", default: "200" },
  },
});

type P99 = readonly [beforeMs: number, duringMs: number, afterMs: number];

interface Cost {
  readonly tookSec: number;
  readonly put: P99;
  readonly get: P99;
}

async function measure(): Promise<Cost> {
  await using cluster = await LocalCluster.start({ binary: process.env.QDFS_BIN ?? join(REPOSITORY, "dist/qdfs") });
  const flags = ["--mix", "balanced", "--clients", "8", "--rate", values.rate, "--files", values.files];
  const load = await startLoad(cluster, flags);
  const sinceSec = (): number => (performance.now() - load.beganMs) / 1000;
  await Bun.sleep((WARM_SEC + BEFORE_SEC) * 1000);
  const fromSec = sinceSec();
  for (let count = 0; count < 2; count += 1) await cluster.addNode().start();
  await settled(cluster);
  const untilSec = sinceSec();
  await Bun.sleep((CALM_SEC + AFTER_SEC) * 1000);
  const { series } = await load.end();
  const p99 = (kind: "put" | "get", from: number, until: number): number =>
    medianOf(
      series
        .filter((row) => row.fromSec >= from && row.fromSec < until)
        .flatMap(({ operations }) => operations[kind]?.p99Ms ?? []),
    );
  const around = (kind: "put" | "get"): P99 => [
    p99(kind, WARM_SEC, Math.floor(fromSec)),
    p99(kind, fromSec, untilSec),
    p99(kind, untilSec + CALM_SEC, untilSec + CALM_SEC + AFTER_SEC),
  ];
  return { tookSec: untilSec - fromSec, put: around("put"), get: around("get") };
}

/** Asked rarely: each question is a process, and takes of the same CPU. */
async function settled(cluster: LocalCluster): Promise<void> {
  for (const endMs = performance.now() + CHANGE_MS; performance.now() < endMs; await Bun.sleep(LOOK_MS)) {
    const { rebalance, nodes } = await cluster.status();
    if (rebalance === null && nodes.length === 5 && nodes.every(({ leads }) => leads > 0)) return;
  }
  throw new Error(`partitions are still moved after ${CHANGE_MS / 1000} s`);
}

function row(name: string, { tookSec, put, get }: Cost): string {
  const of = ([before, during, after]: P99): string => {
    const shown = [before, during, after].map((ms) => ms.toFixed(1).padStart(6)).join(" → ");
    return `${shown} ms (${(during / before).toFixed(1)} x before, ${(during / after).toFixed(1)} x after)`;
  };
  return `${name.padEnd(8)} put p99 ${of(put)}   get p99 ${of(get)}   moved in ${tookSec.toFixed(0)} s\n`;
}

const costs: Cost[] = [];
for (let run = 1; run <= Number(values.runs); run += 1) {
  const cost = await measure();
  costs.push(cost);
  process.stdout.write(row(`run ${run}`, cost));
}
const middle = (of: (cost: Cost) => number): number => medianOf(costs.map(of));
const middles = (kind: "put" | "get"): P99 => [
  middle((cost) => cost[kind][0]),
  middle((cost) => cost[kind][1]),
  middle((cost) => cost[kind][2]),
];
process.stdout.write(row("median", { tookSec: middle(({ tookSec }) => tookSec), put: middles("put"), get: middles("get") }));
