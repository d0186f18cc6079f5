import { expect, test } from "bun:test";
import { codeOf, messageOf, QdfsError } from "../../src/base/errors.ts";
import { MapKeeper } from "../../src/datanode/map-keeper.ts";
import type { ControlConnection, ControlDialer } from "../../src/ports.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { recoverState } from "../../src/supernode/recovery.ts";
import type { SuperNodeState } from "../../src/supernode-ports.ts";
import type { FollowReply, FollowRequest } from "../../src/wire/membership-messages.ts";
import type { ClusterMap } from "../../src/wire/messages.ts";
import { ScriptedControl, testMap, testNode } from "../client/fakes.ts";

const PATIENCE_MS = 5_000;

/** DataNodes that keep their maps as real ones do, at the addresses that the test gives them. */
class Members implements ControlDialer {
  readonly runtime = new FakeRuntime();
  readonly keepers = new Map<string, { readonly keeper: MapKeeper; readonly diskId: string }>();
  readonly away = new Set<string>();
  readonly #others = new ScriptedControl();

  add(address: string, number: number, map: ClusterMap, diskId = `disk${number}`): MapKeeper {
    const keeper = new MapKeeper(number, map, {
      diskId,
      adopt: async (_map, _joined, inForce) => inForce(),
      follow: async () => undefined,
    });
    this.keepers.set(address, { keeper, diskId });
    return keeper;
  }

  connect(address: string): ControlConnection {
    const there = () => {
      const member = this.keepers.get(address);
      if (member !== undefined && !this.away.has(address)) return member;
      throw new QdfsError("CLUSTER_UNREACHABLE", `${address}: connection refused`);
    };
    return {
      ...this.#others.connect(address),
      getMap: async () => ({ map: there().keeper.map, loads: [], counter: 1, wallMs: 0, version: "test" }),
      follow: async ({ generation, life, supernode }: FollowRequest): Promise<FollowReply> => {
        const { keeper, diskId } = there();
        return { map: await keeper.follow({ generation, life, supernode }), number: keeper.self, diskId };
      },
    };
  }

  recover(addresses: readonly string[], more: { life?: string; backup?: SuperNodeState } = {}): Promise<SuperNodeState> {
    const { life = "life", backup } = more;
    const parts = { runtime: this.runtime, control: this, addresses, backup, life, address: "new:1", patienceMs: PATIENCE_MS };
    return this.runtime.until(recoverState(parts), 4 * PATIENCE_MS);
  }

  /** The code and the words of the failure. */
  async refusal(addresses: readonly string[], more: { life?: string; backup?: SuperNodeState } = {}): Promise<string> {
    const error = await this.recover(addresses, more).catch((caught: unknown) => caught);
    return `${codeOf(error)} ${messageOf(error)}`;
  }
}

/** Three members that have this map. */
function members(map = testMap({ version: 7, nextNode: 4 })): Members {
  const world = new Members();
  for (const { number, grpc } of map.nodes) world.add(grpc, number, map);
  return world;
}

test("from one address the newest map that any member has is found, and opened as a new generation", async () => {
  const world = members();
  const newest = testMap({ version: 9, nextNode: 5, nodes: [1, 2, 3, 4].map((number) => testNode(number)) });
  await world.keepers.get("n3:1")?.keeper.adopt(newest);
  world.add("n4:1", 4, newest);
  const { map, nextNodeNumber } = await world.recover(["n1:1"]);
  expect(map).toMatchObject({ clusterId: "c1", generation: 2, version: 10, supernodes: ["new:1"], nodes: newest.nodes });
  expect([nextNodeNumber, map.nextNode]).toEqual([5, 5]);
  for (const { keeper } of world.keepers.values()) expect(keeper.generation).toBe(2);
});

test("too few replicas: the arithmetic says which set lacks whom, and nothing is issued", async () => {
  const world = members();
  world.away.add("n2:1").add("n3:1");
  const refusal = await world.refusal(["n1:1"]);
  expect(refusal).toBe(
    "QUORUM_UNAVAILABLE too few DataNodes follow generation 2 for a map of it to be issued: of dn-1, dn-2 and dn-3 (1024 partitions, w=2, r=2) 2 are needed, and 1 follows (dn-2: n2:1: connection refused; dn-3: n3:1: connection refused)",
  );
  world.away.delete("n3:1");
  expect((await world.recover(["n1:1"])).map.generation).toBe(2); // the same life goes on where it was
});

test("enough replicas of every set of a joint configuration are needed, of the old one and of the new one (P10)", async () => {
  const nodes = [1, 2, 3, 4, 5, 6].map((number) => testNode(number));
  const sets = [
    { nodes: [1, 2, 3], w: 2, r: 2 },
    { nodes: [4, 5, 6], w: 3, r: 1 },
  ];
  const world = members(testMap({ version: 7, nodes, nextNode: 7 }, { number: 2, sets }));
  world.away.add("n3:1").add("n6:1");
  const refusal = await world.refusal(["n1:1"]);
  expect(refusal).toContain("of dn-4, dn-5 and dn-6 (1024 partitions, w=3, r=1) 3 are needed, and 2 follow (dn-6: ");
  expect(refusal).not.toContain("of dn-1");
  world.away.delete("n6:1");
  const { map } = await world.recover(["n1:1"]);
  expect(map.partitions[0]).toEqual({ number: 65_537, sets, recovered: true });
});

test("two lives never open the same generation", async () => {
  const world = members();
  const [one, two] = await Promise.all([
    world.recover(["n1:1"], { life: "one" }),
    world.recover(["n3:1", "n2:1"], { life: "two" }),
  ]);
  expect(one.map.generation).not.toBe(two.map.generation);
});

test("a backup counts as far as nobody knows more, and its numbers are not handed out again (P17)", async () => {
  const old = testMap({ version: 3, nextNode: 4 });
  const world = members(testMap({ version: 8, nextNode: 6, nodes: [1, 2, 3, 5].map((number) => testNode(number)) }));
  const restored = await world.recover([], { backup: { map: old, nextNodeNumber: 4 } });
  expect(restored.map).toMatchObject({ generation: 2, version: 9 });
  expect(restored.map.nodes.map(({ number }) => number)).toEqual([1, 2, 3, 5]);
  expect(restored.nextNodeNumber).toBe(6);
  const ahead = await members().recover([], { backup: { map: testMap({ version: 20, nextNode: 9 }), nextNodeNumber: 9 } });
  expect([ahead.map.version, ahead.nextNodeNumber]).toEqual([21, 9]);
});

test("addresses where nobody is, or another cluster, or a cluster that never began, are refused as such", async () => {
  const world = members();
  expect(await world.refusal(["nobody:1"])).toBe("CLUSTER_UNREACHABLE no DataNode answers (nobody:1: connection refused)");
  world.add("stranger:1", 1, testMap({ clusterId: "other" }));
  expect(await world.refusal(["n1:1", "stranger:1"])).toStartWith("WRONG_CLUSTER at ");
  const backup = { map: testMap({ clusterId: "other" }), nextNodeNumber: 4 };
  expect(await world.refusal(["n1:1"], { backup })).toBe(
    "WRONG_CLUSTER at n1:1 is a server of cluster c1, and this recovery is of cluster other",
  );
  const forming = members(testMap({ partitions: [], waitingFor: "more" }));
  expect(await forming.refusal(["n1:1"])).toStartWith(
    "CLUSTER_WAITING the newest map found, 1.1 of cluster c1, assigns no partitions",
  );
  expect(forming.keepers.get("n1:1")?.keeper.generation).toBe(1); // and nobody was asked to follow
});

test("who answers at a member's address with another disk is no replica", async () => {
  const world = members();
  world.add("n2:1", 2, testMap({ version: 7 }), "another");
  world.away.add("n3:1");
  expect(await world.refusal(["n1:1"])).toContain("dn-2: at n2:1 is a DataNode with another disk; dn-3: ");
});

test("a member that has moved is found where the operator says it is", async () => {
  const world = members();
  const map = testMap({ version: 7, nextNode: 4 });
  world.away.add("n1:1").add("n2:1");
  world.add("moved:1", 2, map);
  expect((await world.recover(["n3:1", "moved:1"])).map.generation).toBe(2);
});
