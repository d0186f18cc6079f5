/** A DataNode that is yet to hear of a map which others go by (P5). */
import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { MAP_WAIT_MS } from "../../src/limits.ts";
import { mapCodec } from "../../src/wire/codec.ts";
import { type Answer, type ClusterMap, type RequestBody, Want } from "../../src/wire/messages.ts";
import { MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

const PATH = "/f";

/** The map after the cluster's own, in which the file's configuration has the next number. */
function nextOf({ map }: MemoryCluster): { readonly map: ClusterMap; readonly number: number } {
  const partition = partitionOf(map, PATH);
  const number = (map.partitions[partition]?.number ?? 0) + 1;
  const partitions = map.partitions.map((configuration, at) => (at === partition ? { ...configuration, number } : configuration));
  return { map: { ...map, version: map.version + 1, partitions }, number };
}

function ask(cluster: MemoryCluster, node: number, body: RequestBody, configuration: number) {
  const asked = new Promise<Omit<Answer, "id">>((resolve) => {
    cluster.member(node).node.request({ id: 1, configuration, ...body }, resolve);
  });
  return cluster.until(asked.then((answer) => ({ answer, atMs: cluster.runtime.clock.monotonicMs() })));
}

const READ: RequestBody = { read: { path: PATH, want: Want.HEAD, version: 0 } };

function cutOff(cluster: MemoryCluster, node: number): void {
  const { life } = cluster.member(node);
  for (const place of ["super", ...cluster.members.map((member) => member.life.place)])
    if (place !== life.place) cluster.network.setCut(life.place, place, true);
}

describe("a request that goes by a newer map", () => {
  test("is answered when that map has come from a peer", async () => {
    const cluster = new MemoryCluster();
    const { map, number } = nextOf(cluster);
    await cluster.until(cluster.member(2).node.adopt(map));
    const { answer } = await ask(cluster, 1, READ, number);
    expect(answer.failure).toBeFalsy();
    expect(answer.held).toBeDefined();
    expect((await cluster.member(1).node.getMap()).map.version).toBe(map.version);
  });

  test("is counted once", async () => {
    const cluster = new MemoryCluster();
    const { map, number } = nextOf(cluster);
    await cluster.until(cluster.member(2).node.adopt(map));
    const taken = (): number => Number(/^qdfs_operations_total(?:\{.*\})? (\d+)$/m.exec(cluster.member(1).node.metrics())?.[1]);
    const before = taken();
    expect(before).toBeGreaterThanOrEqual(0);
    await ask(cluster, 1, READ, number);
    expect(taken()).toBe(before + 1);
  });

  test("is refused when it does not come for a while", async () => {
    const cluster = new MemoryCluster();
    const { number } = nextOf(cluster);
    cutOff(cluster, 1);
    const beganMs = cluster.runtime.clock.monotonicMs();
    const { answer, atMs } = await ask(cluster, 1, READ, number);
    expect(answer.failure?.code).toBe("CONFIGURATION_STALE");
    expect(atMs - beganMs).toBeCloseTo(MAP_WAIT_MS, 0);
  });
});

test("a map that is handed over is adopted though nobody else can be asked", async () => {
  const cluster = new MemoryCluster();
  const { map } = nextOf(cluster);
  cutOff(cluster, 1);
  const { generation, version } = map;
  const { answer } = await ask(cluster, 1, { map: { generation, version, map: mapCodec.encode(map) } }, 0);
  expect(answer.map?.version).toBe(version);
  expect((await cluster.member(1).node.getMap()).map.version).toBe(version);
});
