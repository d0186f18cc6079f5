/** A chaos run from beginning to end: load and faults, heal, judge. */
import { QdfsError } from "../base/errors.ts";
import { drive } from "../bench/drive.ts";
import type { Random, Runtime } from "../ports.ts";
import type { ClusterUnderTest } from "./cluster.ts";
import { planFaults, possible } from "./faults.ts";
import { badCopies, compareAll, whole } from "./final.ts";
import { type CheckResult, Judge } from "./judge.ts";
import { Nemesis } from "./nemesis.ts";
import type { ChaosPlan } from "./plan.ts";
import type { Recorded } from "./round.ts";
import type { KindCounts } from "./tally.ts";
import { type ChaosClient, Workload } from "./workload.ts";

/** How long a cluster may take to be whole again once every fault is over. */
const RECOVERY_MS = 60_000;

/** The JSON result of `qdfs chaos`. */
export interface ChaosResult {
  readonly seed: number;
  readonly durationSec: number;
  readonly nodes: number;
  readonly quorum: { readonly n: number; readonly w: number; readonly r: number; readonly name: string };
  /** By kind; `skipped` are those that could not be made here. */
  readonly faults: Readonly<Record<string, number>>;
  readonly faultsTotal: number;
  readonly skipped: readonly string[];
  readonly operations: Readonly<Record<string, KindCounts>>;
  /** From the last fault taken back to a whole cluster. */
  readonly recoverySec: number;
  readonly check: CheckResult;
}

export interface ChaosPorts {
  readonly cluster: ClusterUnderTest;
  readonly clients: readonly [ChaosClient, ...ChaosClient[]];
  readonly runtime: Runtime;
  /** A sequence of its own for each seed. */
  readonly seeded: (seed: number) => Random;
  /** Sees every operation once it has ended. */
  readonly keep: (recorded: Recorded) => void;
  /** Sees why an operation failed, in words. */
  readonly failed: (text: string) => void;
  /** A line of the timeline. */
  readonly say: (text: string) => void;
  /** Once it is true the run ends early, and judges what it has. */
  readonly stopped: () => boolean;
  /** What went wrong with the servers outside any fault, so far. */
  readonly incidents: () => readonly string[];
}

/** @throws QdfsError BAD_USAGE when none of the faults can be made */
export async function runChaos(plan: ChaosPlan, ports: ChaosPorts): Promise<ChaosResult> {
  const { cluster, clients, runtime, say, stopped } = ports;
  const [client] = clients;
  const { n, w, r, name } = client.map.policy;
  // Each part draws from its own sequence: how many operations there were does not change the faults.
  const random = (part: number) => ports.seeded(plan.seed * 16 + part);
  const options = {
    kinds: plan.faults,
    nodes: cluster.nodes,
    rotting: drawn(cluster.nodes, rottingMax(n, w), random(1)),
    fillable: cluster.fillable,
    impossible: cluster.impossible,
  };
  const skipped = plan.faults.filter((kind) => !possible(kind, options));
  if (skipped.length === plan.faults.length)
    throw new QdfsError("BAD_USAGE", `none of these faults can be made here: ${skipped.join(", ")}`);

  const directory = `/chaos/${runtime.random.hex(8)}`;
  const workload = new Workload({
    clients,
    runtime: { ...runtime, random: random(2) },
    directory,
    keep: ports.keep,
    failed: ports.failed,
  });
  const judge = new Judge(client, workload, runtime);
  const blame = (text: string) => {
    say(`*** ${text}`);
    judge.blame(text);
  };
  const nemesis = new Nemesis({ cluster, runtime, random: random(3), say, blame });
  let [loadOver, healed] = [false, false];
  const startedMs = runtime.clock.monotonicMs();
  const faulting = nemesis.run(planFaults(random(4), options));
  const judging = judge.run(
    () => loadOver,
    () => healed,
  );

  // Operations that were due while nothing worked are not made up for.
  const over = () => stopped() || nemesis.broken || runtime.clock.monotonicMs() - startedMs >= plan.durationMs;
  await drive({ ...plan, inFlight: 1 }, { ...runtime, stopped: over }, (number) => workload.operation(number));
  workload.finish();
  say("the load ends; every fault is taken back");
  await nemesis.heal();
  await faulting;
  const healedMs = runtime.clock.monotonicMs();
  const wrong = await whole(client, runtime, RECOVERY_MS);
  const recoverySec = Math.round(runtime.clock.monotonicMs() - healedMs) / 1000;
  if (wrong === undefined) say(`the cluster is whole again after ${recoverySec.toFixed(1)} s`);
  else blame(`${RECOVERY_MS / 1000} s after the last fault ${wrong}`);
  [loadOver, healed] = [true, true];
  await judging;
  say(`every file is read once more (${judge.fates.size})`);
  for (const difference of await compareAll(client, runtime, directory, judge.fates)) blame(difference);
  if (wrong === undefined) {
    say("every stored byte is read and verified, twice");
    for (const bad of await badCopies(client, runtime, RECOVERY_MS)) blame(bad);
  }
  for (const incident of [...ports.incidents(), ...workload.bugs]) blame(incident);

  const faults = nemesis.counts();
  return {
    seed: plan.seed,
    durationSec: Math.round(healedMs - startedMs) / 1000,
    nodes: cluster.nodes.length,
    quorum: { n, w, r, name },
    faults,
    faultsTotal: Object.values(faults).reduce((sum, count) => sum + count, 0),
    skipped,
    operations: workload.tally.result(),
    recoverySec,
    check: judge.result(),
  };
}

/** So many nodes may rot: of the W copies that a write waited for one stays good, and no more than the N - W that it did not wait for go bad. */
export function rottingMax(n: number, w: number): number {
  return Math.min(n - w, w - 1);
}

function drawn<Node>(nodes: readonly Node[], count: number, random: Random): readonly Node[] {
  return nodes
    .map((node) => ({ node, key: random.unit() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ node }) => node);
}
