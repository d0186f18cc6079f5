import { describe, expect, test } from "bun:test";
import { parseQuorumSpec } from "../../src/cluster/quorum-spec.ts";
import { ADAPTIVE_CALM_MS } from "../../src/limits.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";
import { MemoryMapStore } from "../../src/storage/memory-super-store.ts";
import { firstState, otherQuorum } from "../../src/supernode/first-state.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { ScriptedCluster } from "./scripted-cluster.ts";

describe("a cluster with an adaptive quorum", () => {
  test("begins as a majority, and stays adaptive over restarts, whatever a command line asks for", () => {
    const maps = new MemoryMapStore();
    const random = seededRandom(1);
    const state = firstState(maps, parseQuorumSpec("adaptive"), random);
    expect(state.map.policy).toMatchObject({ n: 3, w: 2, r: 2, name: "adaptive" });
    const moved = { ...state.map, policy: { ...state.map.policy, w: 3, r: 1 } };
    maps.save({ ...state, map: moved });
    expect(firstState(maps, parseQuorumSpec("adaptive"), random).map.policy).toMatchObject({ w: 3, r: 1 });
    expect(firstState(maps, undefined, random).map.policy).toMatchObject({ w: 3, r: 1, name: "adaptive" });
    for (const other of ["majority", "adaptive,n=5", "n=3,w=3,r=1"]) {
      const quorum = parseQuorumSpec(other);
      expect(firstState(maps, quorum, random).map.policy).toMatchObject({ w: 3, r: 1, name: "adaptive" });
      expect(otherQuorum({ ...state, map: moved }, quorum)).toContain("qdfs quorum set");
    }
    expect(otherQuorum({ ...state, map: moved }, parseQuorumSpec("adaptive"))).toBeUndefined();
  });

  test("shows in its status what it would have; a fixed one shows nothing", async () => {
    const adaptive = await ScriptedCluster.of(3, "adaptive");
    const status = await adaptive.until(adaptive.superNode.status({ eventual: true }));
    expect(status.adaptive).toMatchObject({ wantedW: 2, wantedR: 2, moves: 0, failed: 0 });
    expect(adaptive.superNode.metrics()).toContain('qdfs_quorum_moves_total{end="done"} 0');
    const fixed = await ScriptedCluster.of(3);
    expect((await fixed.until(fixed.superNode.status({ eventual: true }))).adaptive).toBeNull();
    expect(fixed.superNode.metrics()).not.toContain("qdfs_quorum_moves_total");
  });

  test("counts strong reads and writes, measures its replicas, and moves to the quorum that suits", async () => {
    const cluster = new MemoryCluster({ n: 3, w: 2, r: 2, quorumName: "adaptive" });
    const client = await cluster.client();
    await cluster.until(client.put("/f", Buffer.from("content")));
    cluster.runtime.advance(ADAPTIVE_CALM_MS);
    const before = cluster.runtime.clock.monotonicMs();
    for (let i = 0; i < 600; i += 1) {
      await cluster.until(client.read("/f", i % 3 === 0 ? { consistency: "eventual" } : {}));
      if (i % 40 === 0) await cluster.until(client.put("/f", Buffer.from(`content ${i}`)));
      cluster.runtime.advance(50);
    }
    const status = await cluster.until(client.status());
    const { adaptive } = status;
    const sec = (cluster.runtime.clock.monotonicMs() - before) / 1_000;
    // Eventual reads do not care for quorums.
    expect(Math.abs((adaptive?.readsPerSec ?? 0) - 400 / sec)).toBeLessThan(2.5);
    expect(adaptive?.writesPerSec ?? 0).toBeGreaterThan(0.1);
    expect(adaptive).toMatchObject({ wantedW: 3, wantedR: 1, moves: 1, failed: 0 });
    expect(status.policy).toMatchObject({ w: 3, r: 1, name: "adaptive" });
    expect(status.quorums).toEqual([{ n: 3, w: 3, r: 1, partitions: 64, changing: false }]);
    expect(cluster.fatal).toEqual([]);
  });
});
