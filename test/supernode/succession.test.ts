/** A SuperNode whose place another one took (P17), and what a rebuilt one makes of DataNodes that it has not heard of. */
import { expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { refuseIfReplaced } from "../../src/supernode/succession.ts";
import type { SuperNodeState } from "../../src/supernode-ports.ts";
import type { JoinRequest } from "../../src/wire/membership-messages.ts";
import type { ClusterMap } from "../../src/wire/messages.ts";
import { heartbeat, joinRequest, ScriptedCluster, ScriptedNode } from "./scripted-cluster.ts";

async function refusal(promise: Promise<unknown>): Promise<string | undefined> {
  return codeOf(
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

/** From now on the members say that they have this map. */
function have(cluster: ScriptedCluster, map: ClusterMap): void {
  for (const { grpc } of cluster.nodes) cluster.control.maps.set(grpc, () => map);
}

/** Time passes for what goes on by itself. */
async function settle(cluster: ScriptedCluster): Promise<void> {
  for (let i = 0; i < 5; i++) await cluster.until(new Promise<void>((resolve) => cluster.runtime.timers.after(1_000, resolve)));
}

test("a SuperNode ends when a member goes by a map of a newer generation, and answers nothing more", async () => {
  const cluster = await ScriptedCluster.of(3);
  const listed = cluster.superNode.list({ prefix: "/", recursive: true, node: 0, limit: 0, after: "", eventual: false, kind: 0 });
  expect((await cluster.until(listed)).incomplete).toBe("");
  have(cluster, cluster.superNode.map);
  cluster.node(2).generation = 2;
  await settle(cluster);
  expect(cluster.replaced).toEqual([]); // a recovery that was broken off takes nobody's place
  const { alarms } = await cluster.until(cluster.superNode.status({ eventual: true }));
  expect(alarms).toContainEqual(expect.stringContaining("dn-2: it follows generation 2 of another SuperNode"));
  have(cluster, { ...cluster.superNode.map, generation: 2 });
  await settle(cluster);
  expect(cluster.replaced.map(({ code }) => code)).toEqual(["SUPERSEDED"]);
  for (const call of [
    cluster.superNode.getMap(),
    cluster.superNode.join(joinRequest(cluster.node(1))),
    cluster.superNode.backup(),
  ])
    expect(await refusal(call)).toBe("SUPERSEDED");
});

test("a member that follows a newer generation is not refused for being unknown: it is to turn to the newer SuperNode", async () => {
  const cluster = await ScriptedCluster.of(3);
  const stranger = { ...joinRequest(cluster.node(1)), number: 9, diskId: "disk9" };
  const joining = async (changes: Partial<JoinRequest>) => await refusal(cluster.superNode.join({ ...stranger, ...changes }));
  expect(await joining({})).toBe("NOT_ALLOWED");
  expect(await joining({ mapGeneration: 2 })).toBe("SUPERSEDED");
  expect(await joining({ mapGeneration: 2, clusterId: "another" })).toBe("WRONG_CLUSTER");
  have(cluster, { ...cluster.superNode.map, generation: 2 });
  expect(await refusal(cluster.until(cluster.superNode.join(stranger)))).toBe("SUPERSEDED"); // it has had no map yet
});

test("a listing counts no log whose node follows a newer generation", async () => {
  const cluster = await ScriptedCluster.of(3);
  const listing = cluster.superNode.list({
    prefix: "/",
    recursive: true,
    node: 0,
    limit: 0,
    after: "",
    eventual: false,
    kind: 0,
  });
  cluster.node(2).generation = 2;
  cluster.node(3).generation = 2;
  expect((await cluster.until(listing)).incomplete).toStartWith("dn-2 and dn-3 do not answer");
});

test("a heartbeat alone ends nobody: the members are asked, and the caller is sent to another", async () => {
  const cluster = await ScriptedCluster.of(3);
  const { map } = cluster.superNode;
  have(cluster, map);
  const claim = heartbeat(1, { mapGeneration: 2, mapVersion: 1 });
  expect(await refusal(cluster.superNode.heartbeat(claim))).toBe("SUPERSEDED");
  cluster.runtime.advance(2_000);
  await cluster.until(cluster.superNode.getMap());
  expect(cluster.replaced).toEqual([]);
  have(cluster, { ...map, generation: 2 });
  expect(await refusal(cluster.superNode.heartbeat(claim))).toBe("SUPERSEDED");
  await settle(cluster);
  expect(cluster.replaced.map(({ code }) => code)).toEqual(["SUPERSEDED"]);
});

test("an older copy of a SuperNode's directory is found out by the versions that the members have", async () => {
  const cluster = await ScriptedCluster.of(3);
  const { map } = cluster.superNode;
  const look = () => refusal(cluster.until(refuseIfReplaced(cluster.runtime, cluster.control, () => map)));
  expect(await look()).toBeUndefined(); // nobody answers: a cluster that is just starting
  have(cluster, map);
  expect(await look()).toBeUndefined();
  have(cluster, { ...map, version: map.version + 1 });
  expect(await look()).toBe("DATA_DIR_UNUSABLE");
  have(cluster, { ...map, version: map.version + 1, clusterId: "another" });
  expect(await look()).toBeUndefined();
});

test("a DataNode that a lost SuperNode alone admitted keeps its number, unless somebody has it, and a removed one's is not taken", async () => {
  const cluster = await ScriptedCluster.of(3);
  const rebuilt: SuperNodeState = { map: { ...cluster.superNode.map, generation: 2 }, nextNodeNumber: 6 }; // 4 and 5 were removed
  cluster.maps.save(rebuilt);
  for (const { number } of cluster.nodes) cluster.node(number).generation = 2;
  cluster.restart();
  const unheard = new ScriptedNode(cluster.runtime, "unheard", "node:7");
  unheard.number = 7;
  expect((await cluster.until(cluster.superNode.join(joinRequest(unheard)))).number).toBe(7);
  expect(cluster.superNode.map.nextNode).toBe(8);
  const late = { ...joinRequest(unheard), diskId: "late", grpc: "node:8" };
  expect(await refusal(cluster.until(cluster.superNode.join(late)))).toBe("NOT_ALLOWED"); // 7 is another disk's
  expect(await refusal(cluster.until(cluster.superNode.join({ ...late, number: 5 })))).toBe("NOT_ALLOWED");
  expect((await cluster.until(cluster.superNode.join({ ...late, number: 0 }))).number).toBe(8);
});
