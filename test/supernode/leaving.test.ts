/** DataNodes that leave: what stands in the map, who is refused, who is replaced. */
import { describe, expect, test } from "bun:test";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { partitionsOf } from "../../src/cluster/leave.ts";
import { standingOf } from "../../src/cluster/standing.ts";
import { DOWN_AFTER_MS_MAX, REPLACE_AFTER_MS } from "../../src/limits.ts";
import { LeaveStep } from "../../src/wire/leave-messages.ts";
import { Standing } from "../../src/wire/messages.ts";
import { heartbeat, joinRequest, ScriptedCluster } from "./scripted-cluster.ts";

const MOVED_MS = 30_000;

function leave(cluster: ScriptedCluster, node: number, step: LeaveStep, dryRun = false) {
  return cluster.until(cluster.superNode.leave({ node, step, dryRun, acceptLoss: false }));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return `${codeOf(error)}: ${messageOf(error)}`;
}

function standing(cluster: ScriptedCluster, number: number): Standing | undefined {
  const node = cluster.superNode.map.nodes.find((member) => member.number === number);
  return node && standingOf(node);
}

function held(cluster: ScriptedCluster, number: number): number {
  return partitionsOf(cluster.superNode.map, number).length;
}

/** Four nodes that have their shares. */
async function four(quorum?: string): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.of(4, quorum);
  cluster.runtime.advance(MOVED_MS);
  expect(held(cluster, 4)).toBeGreaterThan(600);
  return cluster;
}

describe("a drain", () => {
  test("leaves the node nothing, over restarts of the SuperNode and of the node; then it is removed for good", async () => {
    const cluster = await four();
    const before = cluster.superNode.map.version;
    const plan = await leave(cluster, 2, LeaveStep.DRAIN, true);
    expect([plan.partitions, plan.remaining]).toEqual([held(cluster, 2), [1, 3, 4]]);
    expect(cluster.superNode.map.version).toBe(before);

    await leave(cluster, 2, LeaveStep.DRAIN);
    expect(await refusal(leave(cluster, 2, LeaveStep.REMOVE))).toContain("wait until it is drained");
    cluster.restart();
    await cluster.join(cluster.node(2));
    expect(standing(cluster, 2)).toBe(Standing.DRAINING);
    cluster.runtime.advance(MOVED_MS);
    expect(held(cluster, 2)).toBe(0);
    const status = await cluster.until(cluster.superNode.status({ eventual: true }));
    expect(status.nodes[1]).toMatchObject({ partitions: 0, files: 0, node: { standing: Standing.DRAINING } });

    await leave(cluster, 2, LeaveStep.REMOVE);
    expect(cluster.superNode.map.nodes.map(({ number }) => number)).toEqual([1, 3, 4]);
    expect(await refusal(cluster.superNode.heartbeat(heartbeat(2)))).toContain("NOT_ALLOWED");
    cluster.restart();
    for (const number of [2, 0])
      expect(await refusal(cluster.superNode.join({ ...joinRequest(cluster.node(2)), number }))).toContain("NOT_ALLOWED");
    const wiped = cluster.addNode(cluster.node(2).grpc);
    await cluster.join(wiped);
    expect(wiped.number).toBe(5);
  });

  test("of two nodes at once is refused, to whoever comes second, where fewer than n would be left", async () => {
    const cluster = await four();
    const [first, second] = await Promise.all([
      cluster.superNode.leave({ node: 1, step: LeaveStep.DRAIN, dryRun: false, acceptLoss: false }).then(() => "done"),
      refusal(cluster.superNode.leave({ node: 3, step: LeaveStep.DRAIN, dryRun: false, acceptLoss: false })),
    ]);
    expect(first).toBe("done");
    expect(second).toBe(
      "CLUSTER_WAITING: draining dn-3 would leave 2 (dn-2, dn-4) of 4 DataNodes to hold n=3 copies: 1 too few; dn-1 is being drained. Start another DataNode first",
    );
    await cluster.join(cluster.addNode());
    await leave(cluster, 3, LeaveStep.DRAIN);
    cluster.runtime.advance(MOVED_MS);
    expect([held(cluster, 1), held(cluster, 3)]).toEqual([0, 0]);
  });

  test("that is cancelled gives the node its share back", async () => {
    const cluster = await four();
    const before = held(cluster, 2);
    await leave(cluster, 2, LeaveStep.DRAIN);
    cluster.runtime.advance(2_300);
    expect(cluster.superNode.map.partitions.some(({ sets }) => sets.length > 1)).toBe(true);
    await leave(cluster, 2, LeaveStep.CANCEL);
    cluster.runtime.advance(MOVED_MS);
    expect(held(cluster, 2)).toBe(before);
    expect(cluster.superNode.map.partitions.every(({ sets }) => sets.length === 1)).toBe(true);
  });
});

describe("a dead node", () => {
  test("is given up only when it is down, and is no member any more once others have its share", async () => {
    const cluster = await four();
    expect(await refusal(leave(cluster, 3, LeaveStep.REMOVE_DEAD))).toContain("dn-3 is up, not down");
    cluster.node(3).reach = "silent";
    cluster.runtime.advance(DOWN_AFTER_MS_MAX + 1_000);
    await leave(cluster, 3, LeaveStep.REMOVE_DEAD);
    expect(await refusal(cluster.superNode.heartbeat(heartbeat(3)))).toContain("was declared dead");
    expect(await refusal(cluster.superNode.join(joinRequest(cluster.node(3))))).toContain("was declared dead");
    expect(await refusal(leave(cluster, 3, LeaveStep.CANCEL))).toContain("that is for ever");
    cluster.runtime.advance(MOVED_MS);
    expect(cluster.superNode.map.nodes.map(({ number }) => number)).toEqual([1, 2, 4]);
    expect(cluster.superNode.map.gone).toEqual([{ number: 3, diskId: "disk3" }]);
    expect(held(cluster, 3)).toBe(0);
  });

  test("of w=1 is not given up unless it is accepted that writes may be lost", async () => {
    const cluster = await four("n=3,w=1,r=3");
    cluster.node(3).reach = "silent";
    cluster.runtime.advance(DOWN_AFTER_MS_MAX + 1_000);
    const share = held(cluster, 3);
    expect((await leave(cluster, 3, LeaveStep.REMOVE_DEAD, true)).losing).toBe(share);
    expect(await refusal(leave(cluster, 3, LeaveStep.REMOVE_DEAD))).toContain(`what was written to ${share} of 1024 partitions`);
    const request = { node: 3, step: LeaveStep.REMOVE_DEAD, dryRun: false, acceptLoss: true };
    await cluster.until(cluster.superNode.leave(request));
    cluster.runtime.advance(MOVED_MS);
    expect(held(cluster, 3)).toBe(0);
  });
});

describe("a node that is down for long", () => {
  test("is replaced, and a member with its share when it is back", async () => {
    const cluster = await four();
    const before = held(cluster, 4);
    cluster.node(4).reach = "silent";
    cluster.runtime.advance(REPLACE_AFTER_MS - 5_000);
    expect(standing(cluster, 4)).toBe(Standing.MEMBER);
    cluster.runtime.advance(10_000 + MOVED_MS);
    expect([standing(cluster, 4), held(cluster, 4)]).toEqual([Standing.REPLACED, 0]);
    cluster.node(4).reach = "up";
    cluster.runtime.advance(MOVED_MS);
    expect([standing(cluster, 4), held(cluster, 4)]).toEqual([Standing.MEMBER, before]);
  });

  test("keeps its place where fewer than n others are up", async () => {
    const cluster = await ScriptedCluster.of(3);
    cluster.node(3).reach = "silent";
    cluster.runtime.advance(REPLACE_AFTER_MS + MOVED_MS);
    expect([standing(cluster, 3), held(cluster, 3)]).toEqual([Standing.MEMBER, 1024]);
  });
});
