import { describe, expect, test } from "bun:test";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { NO_ADDRESS } from "../../src/cluster/map.ts";
import { FLAP_HOLD_MS, FLAP_MEMORY_MS, FLAPS_FREE, PARTITIONS } from "../../src/limits.ts";
import { type ClusterMap, NodeState } from "../../src/wire/messages.ts";
import { heartbeat, joinRequest, ScriptedCluster } from "./scripted-cluster.ts";

const DISK_FULL = { kind: "disk-full", count: 1, words: ["disk full"] };

const stateOf = (map: ClusterMap, number: number) => map.nodes.find((node) => node.number === number)?.state;

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return `${codeOf(error)}: ${messageOf(error)}`;
}

describe("admission", () => {
  test("new DataNodes get the next number, durably, and the cluster says what it waits for", async () => {
    const cluster = new ScriptedCluster();
    expect(cluster.superNode.map.waitingFor).toBe("waiting for 3 more DataNodes: 0 of 3 have joined");
    await cluster.join(cluster.addNode());
    expect(cluster.superNode.map.waitingFor).toBe("waiting for 2 more DataNodes: 1 of 3 have joined");
    expect(cluster.maps.load()).toMatchObject({ nextNodeNumber: 2, map: { nodes: [{ number: 1 }] } });
    await cluster.join(cluster.addNode());
    expect(cluster.superNode.map.partitions).toEqual([]);
    await cluster.join(cluster.addNode());
    expect(cluster.superNode.map.waitingFor).toBe("");
    expect(cluster.nodes.map((node) => node.number)).toEqual([1, 2, 3]);
  });

  test("when N have joined, every partition gets configuration 1 with one set", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { partitions } = cluster.superNode.map;
    expect(partitions).toHaveLength(PARTITIONS);
    for (const { number, sets } of partitions) {
      expect(number).toBe(1);
      expect(sets).toMatchObject([{ w: 2, r: 2 }]);
      expect([...(sets[0]?.nodes ?? [])].sort()).toEqual([1, 2, 3]);
    }
  });

  test("who joins later is a member without partitions", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { partitions } = cluster.superNode.map;
    await cluster.join(cluster.addNode());
    expect(cluster.superNode.map.nodes).toHaveLength(4);
    expect(cluster.superNode.map.partitions).toEqual(partitions);
  });

  test("a Join whose answer was lost gets the same number again", async () => {
    const cluster = new ScriptedCluster();
    const node = cluster.addNode();
    const first = await cluster.until(cluster.superNode.join(joinRequest(node)));
    const version = cluster.superNode.map.version;
    const second = await cluster.until(cluster.superNode.join(joinRequest(node)));
    expect(second.number).toBe(first.number);
    expect(cluster.superNode.map.version).toBe(version);
  });

  test("a member that is back at another address is found there", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { clusterId } = cluster.superNode.map;
    cluster.node(2).reach = "unreachable";
    const moved = { ...joinRequest(cluster.node(2)), grpc: "elsewhere:1", clusterId };
    expect((await cluster.until(cluster.superNode.join(moved))).number).toBe(2);
    expect(cluster.maps.load()?.map.nodes[1]).toMatchObject({ number: 2, grpc: "elsewhere:1", state: NodeState.UP });
  });

  test("a node of another cluster, of no known number, or with another disk is refused", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { clusterId } = cluster.superNode.map;
    const known = { ...joinRequest(cluster.node(1)), clusterId };
    const join = (changes: object) => refusal(cluster.until(cluster.superNode.join({ ...known, ...changes })));
    expect(await join({ clusterId: "other" })).toMatch(/^WRONG_CLUSTER: .*cluster other; this is cluster/);
    expect(await join({ number: 7 })).toMatch(/^NOT_ALLOWED: dn-7 is not a member/);
    expect(await join({ diskId: "wiped" })).toMatch(/^NOT_ALLOWED: dn-1 .*another disk.*empty data directory/);
    expect(await join({ diskId: "" })).toMatch(/^BAD_REQUEST/);
  });

  test("what no map should carry is refused, or brought within bounds", async () => {
    const cluster = new ScriptedCluster();
    const request = joinRequest(cluster.addNode());
    const nonsense = [
      { diskId: "" },
      { grpc: "" },
      { http: "" },
      { grpc: "a b:1" },
      { http: "\u001b[2J" },
      { diskId: "x".repeat(301) },
    ];
    for (const some of [...nonsense, { zone: "z\n" }, { zone: "z".repeat(65) }]) {
      const said = await refusal(cluster.until(cluster.superNode.join({ ...request, ...some })));
      expect([some, said.split(":")[0]]).toEqual([some, "BAD_REQUEST"]);
    }
    await cluster.until(cluster.superNode.join({ ...request, weight: 2 ** 32 - 1 }));
    expect(cluster.superNode.map.nodes.map(({ weight }) => weight)).toEqual([1_000]);
  });

  test("of two processes with one identity, the one that runs stays and the other is refused", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { clusterId } = cluster.superNode.map;
    const copy = { ...joinRequest(cluster.node(2)), grpc: "copy:1", clusterId };
    expect(await refusal(cluster.until(cluster.superNode.join(copy)))).toMatch(/^NOT_ALLOWED: dn-2 runs already, at node:2/);
    expect(cluster.superNode.map.nodes[1]?.grpc).toBe("node:2");
  });

  test("a wiped disk at a member's address joins as a new node, and nobody takes it for the old one", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "unreachable";
    await cluster.join(cluster.addNode("node:3"));
    const nodes = cluster.superNode.map.nodes;
    expect(nodes.map(({ number, grpc }) => [number, grpc])).toEqual([
      [1, "node:1"],
      [2, "node:2"],
      [3, NO_ADDRESS],
      [4, "node:3"],
    ]);
  });

  test("a new node that claims an address where a member answers is refused", async () => {
    const cluster = await ScriptedCluster.of(3);
    const twin = { ...joinRequest(cluster.node(3)), number: 0, diskId: "new" };
    expect(await refusal(cluster.until(cluster.superNode.join(twin)))).toMatch(/^NOT_ALLOWED: at node:3 .* reaches dn-3/);
  });

  test("numbers are not given twice, over restarts either", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.restart();
    await cluster.join(cluster.addNode());
    expect(cluster.nodes.map((node) => node.number)).toEqual([1, 2, 3, 4]);
  });

  test("before the assignment only nodes that are there count", async () => {
    const cluster = new ScriptedCluster();
    await cluster.join(cluster.addNode());
    await cluster.join(cluster.addNode());
    cluster.node(1).reach = "unreachable";
    cluster.runtime.advance(8_000);
    await cluster.join(cluster.addNode());
    expect(cluster.superNode.map.waitingFor).toBe("waiting for 1 more DataNode: 2 of 3 have joined");
    cluster.node(1).reach = "up";
    cluster.runtime.advance(1_000);
    expect(cluster.superNode.map.partitions).toHaveLength(PARTITIONS);
  });
});

describe("heartbeats", () => {
  test("a node that is not heard is suspect, then down, and up again when it is heard", async () => {
    const cluster = await ScriptedCluster.of(3);
    const before = cluster.superNode.map.version;
    cluster.runtime.advance(10_000);
    expect(cluster.superNode.map.version).toBe(before);
    cluster.node(2).reach = "silent";
    cluster.runtime.advance(2_300);
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.SUSPECT);
    cluster.runtime.advance(4_000);
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.DOWN);
    expect(cluster.superNode.map.version).toBe(before + 2);
    expect(cluster.maps.load()?.map).toEqual(cluster.superNode.map);
    cluster.node(2).reach = "up";
    cluster.runtime.advance(600);
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.UP);
    expect(cluster.runtime.lines.filter((line) => line.includes("dn-2 is ")).length).toBe(3);
  });

  test("a node that says it leaves is down at once", async () => {
    const cluster = await ScriptedCluster.of(3);
    await cluster.superNode.heartbeat(heartbeat(2, { leaving: true }));
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.DOWN);
  });

  test("when the SuperNode itself stood still, nobody is blamed", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { clock } = cluster.runtime;
    const now = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => now() + 60_000; // SIGSTOP for a minute
    cluster.runtime.advance(1_000);
    expect(cluster.superNode.map.nodes.map((node) => node.state)).toEqual([0, 0, 0]);
  });

  test("a newer map goes out with the answer, and loads always do", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { map } = cluster.superNode;
    const old = await cluster.superNode.heartbeat(heartbeat(1, { mapGeneration: 1, mapVersion: map.version - 1 }));
    expect(old.map).toEqual(map);
    cluster.runtime.advance(600);
    const current = await cluster.superNode.heartbeat(heartbeat(1, { mapGeneration: 1, mapVersion: map.version }));
    expect(current.map).toBeNull();
    expect(current.loads.map((load) => load.opsPerSec)).toEqual([10, 20, 30]);
    expect((await cluster.superNode.getMap()).loads).toEqual(current.loads);
  });

  test("a stranger's heartbeat is refused", async () => {
    const cluster = await ScriptedCluster.of(3);
    expect(await refusal(cluster.superNode.heartbeat(heartbeat(9)))).toMatch(/^NOT_ALLOWED: dn-9/);
    expect(await refusal(cluster.superNode.heartbeat(heartbeat(1, { clusterId: "other" })))).toMatch(/^WRONG_CLUSTER/);
  });
});

describe("a node that comes and goes", () => {
  /** Silent until it is suspect, and back for a moment. */
  const flap = (cluster: ScriptedCluster): void => {
    cluster.node(2).reach = "silent";
    cluster.runtime.advance(4_000); // it has taught us to wait longer by then
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.SUSPECT);
    cluster.node(2).reach = "up";
    cluster.runtime.advance(600);
    expect(stateOf(cluster.superNode.map, 2)).toBe(NodeState.UP);
  };
  const isHeld = ({ superNode }: ScriptedCluster) => superNode.map.nodes[1]?.held ?? false;

  test("is held back from the third time on, twice as long each time, and counted on again when it has been steady", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let times = 1; times <= FLAPS_FREE; times++) flap(cluster);
    expect(isHeld(cluster)).toBe(false);
    flap(cluster);
    expect(isHeld(cluster)).toBe(true);
    const leads = async () => {
      const status = await cluster.until(cluster.superNode.status({ eventual: true }));
      return status.nodes[1]?.leads ?? -1;
    };
    expect(await leads()).toBe(0);
    cluster.runtime.advance(FLAP_HOLD_MS - 1_500);
    expect(isHeld(cluster)).toBe(true);
    cluster.runtime.advance(2_000);
    expect(isHeld(cluster)).toBe(false);
    expect(await leads()).toBeGreaterThan(PARTITIONS / 5);
    flap(cluster);
    cluster.runtime.advance(2 * FLAP_HOLD_MS - 2_000);
    expect(isHeld(cluster)).toBe(true);
    cluster.runtime.advance(2_500);
    expect(isHeld(cluster)).toBe(false);
    expect(cluster.runtime.lines.filter((line) => /dn-2 (comes and goes|is steady again)/.test(line))).toHaveLength(4);
  });

  test("says so in status and metrics, and is not held against those who say goodbye", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let times = 0; times < 5; times++) {
      await cluster.superNode.heartbeat(heartbeat(2, { leaving: true }));
      await cluster.join(cluster.node(2), { clusterId: cluster.superNode.map.clusterId });
    }
    expect(isHeld(cluster)).toBe(false);
    for (let times = 0; times < 3; times++) flap(cluster);
    const status = await cluster.until(cluster.superNode.status({ eventual: true }));
    expect(status.nodes[1]).toMatchObject({ flaps: 3, node: { state: NodeState.UP, held: true } });
    expect(status.nodes[1]?.heldForMs).toBeGreaterThan(FLAP_HOLD_MS / 2);
    expect(status.alarms.join()).toMatch(/^dn-2: comes and goes, 3 times lately/);
    expect(cluster.superNode.metrics()).toContain('qdfs_node_held{node="dn-2"} 1');
  });

  test("a process that dies and begins anew before anybody misses it is a flap, a Join sent twice is none", async () => {
    const cluster = await ScriptedCluster.of(3);
    const { clusterId } = cluster.superNode.map;
    for (let times = 0; times < 5; times++) await cluster.join(cluster.node(2), { clusterId });
    expect(isHeld(cluster)).toBe(false);
    for (let times = 0; times < 3; times++) {
      cluster.runtime.advance(600);
      await cluster.join(cluster.node(2), { clusterId });
    }
    expect(isHeld(cluster)).toBe(true);
  });

  test("is forgotten with the SuperNode's process, and with time", async () => {
    const cluster = await ScriptedCluster.of(3);
    for (let times = 0; times < 3; times++) flap(cluster);
    cluster.restart();
    cluster.runtime.advance(1_100);
    expect(isHeld(cluster)).toBe(false);
    for (let times = 0; times < 2; times++) flap(cluster);
    cluster.runtime.advance(FLAP_MEMORY_MS);
    flap(cluster);
    expect(isHeld(cluster)).toBe(false);
  });
});

describe("status", () => {
  test("ok, degraded and unavailable follow what quorums need", async () => {
    const cluster = await ScriptedCluster.of(3);
    const state = async () => (await cluster.until(cluster.superNode.status({ eventual: true }))).state;
    expect(await state()).toBe("ok");
    cluster.node(3).reach = "unreachable";
    cluster.runtime.advance(3_000);
    expect(await state()).toBe("degraded");
    cluster.node(2).reach = "unreachable";
    cluster.runtime.advance(3_000);
    expect(await state()).toBe("unavailable");
    cluster.node(2).reach = "up";
    cluster.node(3).reach = "up";
    cluster.runtime.advance(1_000);
    expect(await state()).toBe("ok");
    expect((await new ScriptedCluster().superNode.status({ eventual: true })).state).toBe("unavailable");
  });

  test("nodes are shown with what they hold, lead and say, and alarms name them", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.runtime.advance(600);
    await cluster.superNode.heartbeat(heartbeat(1, { alarms: [DISK_FULL], freeBytes: 1024, catchingUp: 7 }));
    const status = await cluster.until(cluster.superNode.status({ eventual: true }));
    expect(status.nodes.reduce((sum, node) => sum + node.leads, 0)).toBe(PARTITIONS);
    expect(status.nodes[0]).toMatchObject({ catchingUp: 7, opsPerSec: 10, usedBytes: 5 });
    expect(status.alarms).toEqual(["dn-1: disk full", "dn-1: low space: 1.0 KiB left"]);
    expect(status.raised.map(({ node, alarm }) => [node, alarm.kind])).toEqual([
      [1, "disk-full"],
      [1, "low-space"],
    ]);
    expect(cluster.superNode.metrics()).toContain('qdfs_node_alarms{node="dn-1",kind="disk-full"} 1');
    cluster.node(3).reach = "unreachable";
    cluster.runtime.advance(10_000);
    const later = await cluster.until(cluster.superNode.status({ eventual: true }));
    expect(later.alarms.join()).toMatch(/^dn-3: is down: nothing was heard for 1\d\.\d s$/);
  });
});
