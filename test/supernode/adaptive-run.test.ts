/**
 * An adaptive quorum against every fixed one over a run whose mix turns from 95 % reads to 95 % writes and back, in virtual time.
 *
 * What an operation costs with a fixed quorum is measured: on a simulated cluster with that quorum, its clients' latencies. The
 * controller decides by what the DataNodes of a simulated cluster report of each other while they serve that load. A change takes CHANGE_MS,
 * in which every operation costs what the dearer of the two settings costs, for a joint configuration needs the quorums of both.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import type { QuorumSize } from "../../src/cluster/adaptive-quorum.ts";
import { ADAPTIVE, formatQuorum } from "../../src/cluster/quorum-spec.ts";
import { ADAPTIVE_CALM_MS } from "../../src/limits.ts";
import { QuorumController } from "../../src/supernode/quorum-controller.ts";
import type { HeartbeatRequest } from "../../src/wire/membership-messages.ts";
import { SlowedCluster } from "../routing/slowed-cluster.ts";

setDefaultTimeout(300_000);
beforeAll(async () => warmUpChecksums(64));

const N = 3;
const SEED = 7;
const CHANGE_MS = 10_000;
const PHASE_MS = 600_000;
/** Operations are this far apart: some twenty a second. */
const PAUSE_MS = 50;
/** Reads among the operations of each phase. */
const PHASES = [0.95, 0.05, 0.95];
/** With W = 1, too, which the controller does not take: one copy is not enough for it. */
const FIXED: readonly QuorumSize[] = [
  { w: 3, r: 1 },
  { w: 2, r: 2 },
  { w: 1, r: 3 },
];

interface Setting {
  readonly name: string;
  readonly arrange: (cluster: SlowedCluster) => void;
}

const NEAR: Setting = { name: "all near", arrange: () => {} };
const FAR: Setting = {
  name: "all far: links of 0.5 to 3.5 ms",
  arrange: (slowed) => {
    for (const node of [1, 2, 3]) {
      slowed.slow(node, 10);
      slowed.cluster.disk(node).slowness = 1;
    }
  },
};
const ONE_SLOW_DISK: Setting = {
  name: "one disk of three twenty times slower",
  arrange: (slowed) => {
    slowed.cluster.disk(2).slowness = 20;
  },
};
const SLOW_DISKS: Setting = {
  name: "all disks ten times slower",
  arrange: (slowed) => {
    for (const node of [1, 2, 3]) slowed.cluster.disk(node).slowness = 10;
  },
};

const keyOf = ({ w, r }: QuorumSize, readsShare: number): string => `${w} ${r} ${readsShare}`;

/** Mean ms of an operation, by quorum and mix. */
async function measuredCosts({ arrange }: Setting): Promise<ReadonlyMap<string, number>> {
  const costs = new Map<string, number>();
  for (const quorum of FIXED) {
    for (const share of new Set(PHASES)) {
      const slowed = await SlowedCluster.start({ n: N, ...quorum }, SEED);
      arrange(slowed);
      await slowed.mixed(400, 4, share);
      costs.set(keyOf(quorum, share), (await slowed.mixed(4_000, 4, share)).allMs);
    }
  }
  return costs;
}

interface Outcome {
  /** Mean ms of an operation over the run. */
  readonly adaptiveMs: number;
  readonly fixedMs: ReadonlyMap<string, number>;
  readonly moves: readonly string[];
}

async function compare(setting: Setting): Promise<Outcome> {
  const costs = await measuredCosts(setting);
  const costOf = (quorum: QuorumSize, share: number) => costs.get(keyOf(quorum, share)) ?? Number.NaN;
  const slowed = await SlowedCluster.start({ n: N, w: 2, r: 2, quorumName: ADAPTIVE }, SEED);
  setting.arrange(slowed);
  const { runtime, superNode } = slowed.cluster;
  const beats = new Map<number, HeartbeatRequest>();
  const heard = superNode.heartbeat.bind(superNode);
  superNode.heartbeat = (request) => {
    beats.set(request.load.number, request);
    return heard(request);
  };
  let current: QuorumSize = { w: 2, r: 2 };
  let target = current;
  const moves: string[] = [];
  const map = () => {
    const { policy, partitions, ...others } = slowed.cluster.map;
    const moved = partitions.map(({ number, sets }) => ({ number, sets: sets.map((set) => ({ ...set, ...current })) }));
    return { ...others, policy: { ...policy, ...current }, partitions: moved };
  };
  const controller = new QuorumController(
    runtime,
    { map, heartbeat: (number) => beats.get(number) },
    {
      change: async (to) => {
        moves.push(`w=${to.w},r=${to.r}`);
        target = to;
        await new Promise<void>((resolve) => void runtime.timers.after(CHANGE_MS, resolve));
        current = to;
        return { kind: "done" };
      },
    },
  );
  controller.start();
  runtime.advance(ADAPTIVE_CALM_MS); // before that the controller trusts no setting that needs every replica
  let adaptiveMs = 0;
  let operations = 0;
  const fixed = new Map<string, number>();
  for (const share of PHASES) {
    const endMs = runtime.clock.monotonicMs() + PHASE_MS;
    while (runtime.clock.monotonicMs() < endMs) {
      await slowed.mixed(1, 1, share);
      runtime.advance(PAUSE_MS);
      operations += 1;
      adaptiveMs += Math.max(costOf(current, share), costOf(target, share));
      for (const quorum of FIXED) {
        const name = formatQuorum({ n: N, ...quorum, name: "custom" });
        fixed.set(name, (fixed.get(name) ?? 0) + costOf(quorum, share));
      }
    }
  }
  controller.stop();
  const fixedMs = new Map([...fixed].map(([name, sum]) => [name, sum / operations]));
  return { adaptiveMs: adaptiveMs / operations, fixedMs, moves };
}

function shown({ name }: Setting, { adaptiveMs, fixedMs, moves }: Outcome): string {
  const fixed = [...fixedMs].map(([quorum, ms]) => `${quorum}: ${ms.toFixed(3)}`).join("  ");
  return `${name}: adaptive ${adaptiveMs.toFixed(3)} ms an operation (${moves.join(" then ") || "stays"})  ${fixed}`;
}

/** SHOW=1: the figures, as ARCHITECTURE.md has them, those of far replicas too. */
function show(words: string): void {
  if (process.env.SHOW === "1") process.stdout.write(`${words}\n`);
}

const bestOf = ({ fixedMs }: Outcome, ...names: readonly string[]): number =>
  Math.min(...[...fixedMs].filter(([name]) => names.length === 0 || names.includes(name)).map(([, ms]) => ms));

describe("over a mix that turns from reads to writes and back an adaptive quorum", () => {
  test("beats every fixed one, by a little, where the replicas are alike", async () => {
    for (const setting of process.env.SHOW === "1" ? [NEAR, FAR] : [NEAR]) {
      const outcome = await compare(setting);
      show(shown(setting, outcome));
      expect(outcome.moves).toEqual(["w=3,r=1", "w=2,r=2", "w=3,r=1"]);
      expect(outcome.adaptiveMs).toBeLessThan(bestOf(outcome));
    }
  });

  test("is the majority where one disk is slow", async () => {
    const outcome = await compare(ONE_SLOW_DISK);
    show(shown(ONE_SLOW_DISK, outcome));
    expect(outcome.moves).toEqual([]);
    expect(outcome.adaptiveMs).toBeCloseTo(bestOf(outcome), 9);
  });

  test("loses to a write quorum of one where all disks are slow, for it keeps two copies; not to any that keeps two", async () => {
    const outcome = await compare(SLOW_DISKS);
    show(shown(SLOW_DISKS, outcome));
    expect(outcome.adaptiveMs).toBeGreaterThan(bestOf(outcome, "n=3,w=1,r=3"));
    expect(outcome.adaptiveMs).toBeLessThanOrEqual(bestOf(outcome, "n=3,w=2,r=2", "n=3,w=3,r=1"));
  });
});
