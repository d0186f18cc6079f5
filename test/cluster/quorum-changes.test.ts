/** Changes of N, R and W: what has to be carried over, what is taken back, and what is in force. */
import { describe, expect, test } from "bun:test";
import { mustCarry } from "../../src/cluster/carrying.ts";
import { begun, finished, movesOf, takenBack, turnsOf } from "../../src/cluster/moves.ts";
import { isInForce, quorumShares, withQuorumSince } from "../../src/cluster/quorum-in-force.ts";
import type { ClusterMap, ReplicaSet } from "../../src/wire/messages.ts";
import { testMap } from "../client/fakes.ts";

const subsets = (nodes: readonly number[], size: number): number[][] => {
  const [first, ...rest] = nodes;
  if (size === 0) return [[]];
  if (first === undefined) return [];
  return [...subsets(rest, size - 1).map((some) => [first, ...some]), ...subsets(rest, size)];
};
const meets = (a: readonly number[], b: readonly number[]): boolean => a.some((node) => b.includes(node));

function wanting(w: number, r: number): ClusterMap {
  const map = testMap();
  return { ...map, policy: { ...map.policy, w, r, name: "custom" } };
}

/** The map with every partition as far as `step` takes it. */
function stepped(map: ClusterMap, step: typeof begun): ClusterMap {
  const partitions = [...map.partitions];
  for (const { partition, to } of movesOf(map)) {
    const configuration = partitions[partition];
    if (configuration !== undefined) partitions[partition] = step(configuration, to);
  }
  return { ...map, partitions };
}

describe("whether a change has to carry anything over", () => {
  test("is no only where every new R meets whatever was chosen or read, and new W hold what was chosen, in every way to choose them", () => {
    const quorums = [1, 2, 3, 4].flatMap((n) =>
      Array.from({ length: n * n }, (_, i) => ({ n, w: 1 + (i % n), r: 1 + Math.floor(i / n) })).filter(({ w, r }) => w + r > n),
    );
    let free = 0;
    for (const a of quorums) {
      for (const b of quorums.filter(({ n }) => n <= a.n)) {
        const from: ReplicaSet = { nodes: [1, 2, 3, 4].slice(0, a.n), w: a.w, r: a.r };
        const to: ReplicaSet = { nodes: from.nodes.slice(0, b.n), w: b.w, r: b.r };
        if (mustCarry(from, to)) continue;
        free += 1;
        const left = subsets(to.nodes, to.r);
        for (const holders of subsets(from.nodes, from.w)) {
          expect(left.every((some) => meets(some, holders))).toBe(true);
          expect(holders.filter((node) => to.nodes.includes(node)).length).toBeGreaterThanOrEqual(to.w);
        }
        for (const holders of subsets(from.nodes, a.n - a.r + 1)) expect(left.every((some) => meets(some, holders))).toBe(true);
      }
    }
    expect(free).toBeGreaterThan(quorums.length);
  });

  test("is yes where somebody joins, R shrinks or W grows", () => {
    const from: ReplicaSet = { nodes: [1, 2, 3], w: 2, r: 2 };
    expect(mustCarry(from, { nodes: [1, 2, 4], w: 2, r: 2 })).toBe(true);
    expect(mustCarry(from, { nodes: [1, 2, 3], w: 3, r: 1 })).toBe(true);
    expect(mustCarry(from, { nodes: [1, 2, 3], w: 3, r: 2 })).toBe(true);
    expect(mustCarry({ ...from, w: 3, r: 1 }, from)).toBe(false);
    expect(mustCarry({ ...from, w: 3, r: 3 }, from)).toBe(true);
  });
});

describe("a change of the policy", () => {
  test("moves every partition through a joint configuration of the same replicas, and is in force when all are there", () => {
    const map = wanting(3, 1);
    const joint = stepped(map, begun);
    expect(joint.partitions[0]?.sets).toMatchObject([
      { nodes: [1, 2, 3], w: 2, r: 2 },
      { nodes: [1, 2, 3], w: 3, r: 1 },
    ]);
    expect([isInForce(map), isInForce(joint)]).toEqual([false, false]);
    expect(quorumShares(joint)).toEqual([{ n: 3, w: 2, r: 2, partitions: map.partitions.length, changing: true }]);
    const done = stepped(map, (configuration, to) => finished(begun(configuration, to)));
    expect(isInForce(done)).toBe(true);
    expect(movesOf(done)).toEqual([]);
    expect(withQuorumSince(joint, 5).policy.sinceMs ?? 0).toBe(0);
    const since = withQuorumSince(done, 5);
    expect(since.policy.sinceMs).toBe(5);
    expect(withQuorumSince(since, 9)).toBe(since);
  });

  test("that is taken back takes back what is joint, and what was done goes the same way back", () => {
    const joint = stepped(wanting(3, 1), begun);
    expect(turnsOf(joint)).toEqual([]);
    const back = { ...joint, policy: testMap().policy };
    expect(turnsOf(back)).toHaveLength(joint.partitions.length);
    const [configuration] = joint.partitions;
    if (configuration === undefined) throw new Error("there are partitions");
    expect(takenBack(configuration)).toEqual({ number: 3, sets: [{ nodes: [1, 2, 3], w: 2, r: 2, since: [] }] });
    expect(turnsOf({ ...joint, policy: { ...joint.policy, w: 2, r: 3 } })).toEqual([]); // a third quorum: to its end first
  });
});
