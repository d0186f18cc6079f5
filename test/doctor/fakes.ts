/** A healthy cluster's facts, to be made worse by tests. */
import type { Facts, ServerAnswer } from "../../src/doctor/facts.ts";
import { type ClusterMap, type Configuration, NodeState } from "../../src/wire/messages.ts";
import type { NodeStatus, StatusReply } from "../../src/wire/status-messages.ts";

export interface World {
  readonly nodes?: number;
  readonly n?: number;
  readonly w?: number;
  readonly r?: number;
  /** Do not answer. */
  readonly dead?: readonly number[];
  readonly partitions?: readonly Configuration[];
  readonly answers?: Readonly<Record<number, Partial<ServerAnswer>>>;
  readonly statuses?: Readonly<Record<number, Partial<NodeStatus>>>;
  readonly status?: Partial<StatusReply>;
  readonly files?: Facts["files"];
  /** No SuperNode answers. */
  readonly headless?: boolean;
}

const GIB = 2 ** 30;
const ANSWER: ServerAnswer = { version: "1.0.0", clockAheadMs: 0, clockErrorMs: 1, generation: 1, mapVersion: 5 };

export function mapOf({ nodes = 4, n = 3, w = 2, r = 2, dead = [], partitions }: World): ClusterMap {
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  return {
    clusterId: "c",
    generation: 1,
    version: 5,
    policy: {
      n,
      w,
      r,
      name: "custom",
      chunkSizeBytes: 4,
      inlineLimitBytes: 2,
      keepVersions: 1,
      tombstoneGraceMs: 0,
      orphanAgeMs: 0,
      keepForMs: 0,
    },
    nodes: numbers.map((number) => ({
      number,
      grpc: `h${number}:7${number}`,
      http: `h${number}:8${number}`,
      zone: "",
      weight: 1,
      state: dead.includes(number) ? NodeState.DOWN : NodeState.UP,
      diskId: `d${number}`,
      held: false,
    })),
    partitions:
      partitions ??
      numbers.map((first) =>
        single(
          Array.from({ length: n }, (_, i) => ((first - 1 + i) % nodes) + 1),
          w,
          r,
        ),
      ),
    supernodes: ["s:7000"],
    waitingFor: "",
    nextNode: nodes + 1,
  };
}

export function single(nodes: readonly number[], w: number, r: number): Configuration {
  return { number: 1, sets: [{ nodes, w, r }] };
}

export function factsOf(world: World = {}): Facts {
  const map = mapOf(world);
  const { dead = [], answers = {}, headless = false } = world;
  return {
    wallMs: 1_000_000_000_000,
    map,
    superNodes: [{ name: "SuperNode s:7000", address: "s:7000", answer: headless ? "refused" : ANSWER }],
    nodes: new Map(
      map.nodes.map(({ number, grpc }) => [
        number,
        { name: `dn-${number}`, address: grpc, answer: dead.includes(number) ? "refused" : { ...ANSWER, ...answers[number] } },
      ]),
    ),
    status: headless ? undefined : statusOf(map, world),
    files: headless ? undefined : (world.files ?? { checked: 40, isAll: true, thin: [] }),
  };
}

function statusOf(map: ClusterMap, { dead = [], statuses = {}, status = {} }: World): StatusReply {
  return {
    clusterId: map.clusterId,
    mapVersion: map.version,
    policy: map.policy,
    state: "ok",
    files: 10 * map.partitions.length,
    bytes: 0,
    nodes: map.nodes.map((node) => ({
      node,
      partitions: 1,
      files: 10,
      bytes: 10,
      capacityBytes: 100 * GIB,
      usedBytes: 10 * GIB,
      freeBytes: 90 * GIB,
      leads: 1,
      opsPerSec: 0,
      catchingUp: 0,
      badCopiesFound: 0,
      badCopiesMended: 0,
      suspicion: dead.includes(node.number) ? 20 : 0,
      flaps: 0,
      heldForMs: 0,
      version: "1.0.0",
      ...statuses[node.number],
    })),
    alarms: [],
    waitingFor: "",
    incomplete: "",
    rebalance: null,
    adaptive: null,
    quorums: [],
    raised: dead.map((node) => ({ node, alarm: { kind: "down", count: 1, words: ["is down: nothing was heard for 9 s"] } })),
    version: "1.0.0",
    partitionFiles: map.partitions.map(() => 10),
    joint: [],
    standstillMs: 0,
    backedUpAtMs: 0,
    ...status,
  };
}
