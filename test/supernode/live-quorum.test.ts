/** Live changes of a simulated cluster's quorum, without chance: what is stored, refused, replaced and taken back. */
import { describe, expect, test } from "bun:test";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";

const to = (w: number, r: number, n = 3) => ({ n, w, r, name: "custom", dryRun: false });

function settledAt(cluster: MemoryCluster, w: number, r: number): boolean {
  return cluster.map.partitions.every(({ sets }) => sets.length === 1 && sets[0]?.w === w && sets[0].r === r);
}

describe("the quorum of a running cluster", () => {
  test("changes, and a client that goes by the old map reads and writes on, eventually too", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/f", Buffer.from("one")));
    const reply = await cluster.until(cluster.superNode.setQuorum(to(3, 1)));
    expect(reply).toMatchObject({ before: { w: 2, r: 2 }, after: { w: 3, r: 1 }, partitions: 64, placements: 0 });
    cluster.runtime.advance(20_000);
    expect(settledAt(cluster, 3, 1)).toBe(true);
    expect(cluster.map.policy.sinceMs).toBeGreaterThan(0);
    const eventual = await cluster.until(client.read("/f", { consistency: "eventual" }));
    expect(Buffer.from(eventual.bytes).toString()).toBe("one");
    await cluster.until(client.put("/f", Buffer.from("two")));
    expect(cluster.members.every(({ store }) => store.register("/f") !== undefined)).toBe(true);
    expect(cluster.fatal).toEqual([]);
  });

  test("is not touched by a dry run, by fewer DataNodes than n, or by a quorum that does not intersect", async () => {
    const cluster = new MemoryCluster();
    const before = cluster.map.version;
    const dry = await cluster.until(cluster.superNode.setQuorum({ ...to(1, 3), dryRun: true }));
    expect(dry).toMatchObject({ partitions: 64, files: 0, after: { w: 1, r: 3 } });
    for (const [request, code, words] of [
      [to(3, 3, 5), "CLUSTER_WAITING", "n = 5 replicas need 5 DataNodes, and the cluster has 3: 2 more must join first"],
      [to(1, 2), "BAD_QUORUM", "must be greater than n = 3"],
    ] as const) {
      const error = await cluster.until(cluster.superNode.setQuorum(request).catch((failure: unknown) => failure));
      expect([codeOf(error), messageOf(error)]).toEqual([code, expect.stringContaining(words)]);
    }
    expect(cluster.map.version).toBe(before);
  });

  test("that comes to a stand because a replica is away is taken back by setting what was before", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    await cluster.until(client.put("/f", Buffer.from("one")));
    await cluster.until(cluster.superNode.setQuorum(to(3, 1)));
    const ofFile = () => cluster.map.partitions[partitionOf(cluster.map, "/f")]?.sets ?? [];
    for (let i = 0; i < 10_000 && ofFile().length === 1; i += 1) cluster.runtime.advance(1);
    cluster.crash(3);
    cluster.runtime.advance(20_000);
    expect(ofFile()).toHaveLength(2); // its file cannot be brought to three replicas
    await cluster.until(cluster.superNode.setQuorum(to(2, 2)));
    cluster.runtime.advance(5_000);
    expect(ofFile()).toMatchObject([{ w: 2, r: 2 }]);
    await cluster.until(client.put("/f", Buffer.from("two")));
    cluster.restart(3);
    cluster.runtime.advance(30_000);
    expect(settledAt(cluster, 2, 2)).toBe(true);
    expect(cluster.fatal).toEqual([]);
  });
});
