/** Replicas that were left behind, or have a slow disk: they learn what they missed, and hold nobody up. */
import { beforeAll, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

const bytes = (text: string) => new TextEncoder().encode(text);

function homeOf(cluster: MemoryCluster, path: string): number {
  return cluster.map.partitions[partitionOf(cluster.map, path)]?.sets[0]?.nodes[0] ?? 0;
}

/** A file whose home is this node, or is not. */
function pathOf(cluster: MemoryCluster, node: number, isHome: boolean): string {
  for (let index = 0; ; index += 1) if ((homeOf(cluster, `/f${index}`) === node) === isHome) return `/f${index}`;
}

test("what was chosen without a replica is learned by it, though nobody remembers that it was chosen", async () => {
  const cluster = new MemoryCluster({ n: 4, w: 2, r: 3 });
  const client = await cluster.client();
  const path = pathOf(cluster, 1, false);
  await cluster.until(client.put(path, bytes("one")));
  cluster.runtime.advance(1_000);
  const isolate = (cut: boolean) => {
    const [one, ...others] = cluster.members;
    for (const other of others) cluster.network.setCut(one?.life.place ?? "", other.life.place, cut);
  };
  isolate(true);
  cluster.runtime.advance(5_000);
  await cluster.until(client.put(path, bytes("two")));
  for (const number of [2, 3, 4]) cluster.crash(number);
  for (const number of [2, 3, 4]) cluster.restart(number);
  isolate(false);
  cluster.runtime.advance(400_000);
  const ballots = cluster.members.map(({ store }) => store.register(path)?.ballot.counter);
  expect(new Set(ballots).size).toBe(1);
});

test("a home whose disk has stalled holds up no put of its files: the others take them", async () => {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  const path = pathOf(cluster, 1, true);
  await cluster.until(client.put(path, bytes("zero")));
  cluster.runtime.advance(1_000);
  const { store } = cluster.member(1);
  const commit = store.commit.bind(store);
  store.commit = async (writes) => {
    await new Promise<void>((resolve) => cluster.runtime.timers.after(20_000, resolve));
    await commit(writes);
  };
  for (const text of ["one", "two", "three"]) {
    const { elapsedMs } = await cluster.until(client.put(path, bytes(text)));
    expect(elapsedMs).toBeLessThan(250); // before the client itself looks for another coordinator
  }
});
