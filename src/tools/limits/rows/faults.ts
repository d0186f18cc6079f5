/** What one writer notices of the loss of one of three DataNodes: its longest put. */
import { type Client, connect } from "../../../client/connect.ts";
import { LocalCluster } from "../../local-cluster.ts";
import type { Experiment, Row, Sample } from "../experiment.ts";
import type { Lab } from "../lab.ts";

const WARM_UP_PUTS = 3000;
/** The fault comes this long after the writer began, and is watched for so long. */
const BEFORE_MS = 300;
const AFTER_MS = 1500;
/** So that the sessions of all processes with it are back, too. */
const SETTLE_MS = 1500;
/** Each node is the victim once. */
const ROUNDS = 3;
const CONTENT = new Uint8Array(4096).fill(9);

interface Fault {
  readonly name: string;
  readonly longestMs: number;
  make(cluster: LocalCluster, index: number): void;
  undo(cluster: LocalCluster, index: number): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: "killed",
    longestMs: 100,
    make: (cluster, index) => cluster.node(index).signal("SIGKILL"),
    undo: async (cluster, index) => {
      await cluster.node(index).stop();
      await cluster.node(index).start();
    },
  },
  {
    name: "frozen",
    longestMs: 1000,
    make: (cluster, index) => cluster.node(index).signal("SIGSTOP"),
    undo: async (cluster, index) => cluster.node(index).signal("SIGCONT"),
  },
];

export function faultExperiments(lab: Lab): readonly Experiment[] {
  return FAULTS.map((fault) => longestPut(lab, fault));
}

function rowOf({ name }: Fault): Row {
  const what = `longest put while a DataNode is ${name}`;
  return { name: what, unit: "ms, bound", target: 1, lowerIsBetter: true, summary: "worst" };
}

function longestPut(lab: Lab, fault: Fault): Experiment {
  let cluster: LocalCluster | undefined;
  let client: Client | undefined;
  return {
    rows: [rowOf(fault)],
    rounds: ROUNDS,
    prepare: async () => {
      cluster = await LocalCluster.start({ binary: lab.binary });
      lab.endLater(async () => cluster?.stop());
      client = await connect({ addresses: [cluster.address], cacheDir: null });
      for (let index = 0; index < WARM_UP_PUTS; index++) await client.put(`/warm/${index}`, CONTENT);
    },
    round: async (index) => {
      if (cluster === undefined || client === undefined) throw new Error("prepare was not called");
      return [await meet(cluster, client, fault, index)];
    },
    finish: async () => {
      await client?.close();
      await cluster?.stop();
    },
  };
}

async function meet(cluster: LocalCluster, client: Client, fault: Fault, index: number): Promise<Sample> {
  const victim = index % cluster.nodes.length;
  const beganMs = performance.now();
  let longestMs = 0;
  let made = false;
  for (let file = 0; performance.now() - beganMs < BEFORE_MS + AFTER_MS; file++) {
    if (!made && performance.now() - beganMs >= BEFORE_MS) {
      fault.make(cluster, victim);
      made = true;
    }
    const putMs = performance.now();
    await client.put(`/${fault.name}/${index}/${file}`, CONTENT);
    if (made) longestMs = Math.max(longestMs, performance.now() - putMs);
  }
  await fault.undo(cluster, victim);
  await cluster.waitFor(({ state }) => state === "ok");
  await Bun.sleep(SETTLE_MS);
  return { ours: longestMs, reference: fault.longestMs };
}
