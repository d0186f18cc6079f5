/** Replica sets with dead replicas (P18), changes that are taken back or turned, placement that follows weights and zones. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkedMap } from "../../src/cluster/check-map.ts";
import { leavePlan, regarded } from "../../src/cluster/leave.ts";
import { begun, finished, joiningIn, movesOf, takenBack, turnsOf } from "../../src/cluster/moves.ts";
import { losesWrites, survivorsOf } from "../../src/cluster/standing.ts";
import { barrierNeed } from "../../src/register/quorum.ts";
import { LeaveStep } from "../../src/wire/leave-messages.ts";
import { type ClusterMap, NodeState, type ReplicaSet, Standing } from "../../src/wire/messages.ts";
import { mapOf, POLICY } from "./maps.ts";

const PARTITIONS = 256;

/** The map with every move begun. */
function underWay(map: ClusterMap): ClusterMap {
  const moves = new Map(movesOf(map).map(({ partition, to }) => [partition, to]));
  const partitions = map.partitions.map((configuration, partition) => {
    const to = moves.get(partition);
    return to === undefined ? configuration : begun(configuration, to);
  });
  return { ...map, partitions };
}

/** The map with every turn made, and whatever is still joint ended. */
function turned(map: ClusterMap, end: boolean): ClusterMap {
  const turns = new Map(turnsOf(map).map(({ partition, next }) => [partition, next]));
  const partitions = map.partitions.map((configuration, partition) => {
    const next = turns.get(partition) ?? configuration;
    return end && next.sets.length > 1 ? finished(next) : next;
  });
  return { ...map, partitions };
}

const someSet = fc
  .integer({ min: 2, max: 7 })
  .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n }), fc.integer({ min: 1, max: n })))
  .filter(([n, w, r]) => r + w > n)
  .map(([n, w, r]): ReplicaSet => ({ nodes: Array.from({ length: n }, (_, i) => i + 1), w, r, since: [] }));

describe("the survivors of a replica set", () => {
  test("meet every quorum that formed before, exclude those that would, and scan and wait for enough (P18)", () => {
    fc.assert(
      fc.property(someSet, fc.integer({ min: 1, max: 6 }), (set, count) => {
        const n = set.nodes.length;
        fc.pre(count < Math.min(set.w, n - set.r + 1));
        const dead = new Set(set.nodes.slice(n - count));
        const { nodes, w, r } = survivorsOf(set, dead);
        const kept = nodes.length;
        expect(kept).toBe(n - count);
        expect(w >= 1 && r >= 1 && r <= kept && r <= set.r).toBe(true);
        expect(r + w).toBeGreaterThan(kept);
        expect(r + (set.w - count)).toBeGreaterThan(kept); // a write of before stands at so many survivors at least
        expect(set.r + w).toBeGreaterThan(kept); // a read of before takes place among the survivors
        expect(r + (n - set.r + 1 - count)).toBeGreaterThan(kept); // what a read of before was decided by
        expect(barrierNeed({ nodes, w, r })).toBeGreaterThanOrEqual(barrierNeed(set) - count); // the dead counted as adopted
        expect(losesWrites(set, dead)).toBe(false);
      }),
    );
  });

  test("are all asked where as many are dead as a write waited for; of a set without dead nothing changes", () => {
    const set = { nodes: [1, 2, 3], w: 1, r: 3, since: [0, 4, 0] };
    expect(survivorsOf(set, new Set([1]))).toEqual({ nodes: [2, 3], w: 1, r: 2, since: [4, 0] });
    expect(losesWrites(set, new Set([1]))).toBe(true);
    expect(survivorsOf(set, new Set([9]))).toBe(set);
  });
});

describe("a change under way", () => {
  test("is taken back when its drain is cancelled, and the partition is what it was", () => {
    const map = mapOf(4, PARTITIONS);
    const draining = underWay(regarded(map, 2, Standing.DRAINING));
    expect(turnsOf(draining)).toEqual([]);
    const cancelled = turned(regarded(draining, 2, Standing.MEMBER), false);
    expect(checkedMap(cancelled)).toBe(cancelled);
    cancelled.partitions.forEach(({ sets }, partition) => {
      expect(sets.map(({ nodes }) => nodes)).toEqual([map.partitions[partition]?.sets[0]?.nodes ?? []]);
    });
    expect(movesOf(cancelled)).toEqual([]);
  });

  test("towards a node that is gone for good is turned to others, and nothing names it in the end", () => {
    for (const standing of [Standing.DEAD, Standing.DRAINING, Standing.REPLACED]) {
      const map = mapOf(5, PARTITIONS);
      const joining = underWay(regarded(map, 1, Standing.DRAINING));
      const after = turned(regarded(joining, 5, standing), false);
      expect(checkedMap(after)).toBe(after);
      for (const { sets } of after.partitions) expect(sets[1]?.nodes.includes(5) ?? false).toBe(false);
      for (const configuration of after.partitions)
        expect(joiningIn(configuration).every((node) => node !== 1 && node !== 5)).toBe(true);
      const dead = standing === Standing.DEAD;
      if (dead) for (const { sets } of after.partitions) if (sets.length > 1) expect(sets[0]?.nodes.includes(5)).toBe(false);
    }
  });

  test("keeps its old set: only its new one, and what the dead counted for, changes", () => {
    const joint = begun({ number: 7, sets: [{ nodes: [1, 2, 3], w: 3, r: 1, since: [] }] }, { nodes: [1, 2, 4], w: 3, r: 1 });
    const next = begun(joint, { nodes: [1, 2, 5], w: 3, r: 1 }, new Set([3]));
    expect(next).toEqual({
      number: 10, // one is left out where somebody is dead: no ballot of before counts
      sets: [
        { nodes: [1, 2], w: 2, r: 1, since: [] },
        { nodes: [1, 2, 5], w: 3, r: 1, since: [0, 0, 10] },
      ],
    });
    expect(begun(joint, { nodes: [1, 2, 4], w: 3, r: 1 }, new Set([3])).sets[1]?.since).toEqual([0, 0, 8]);
    expect(takenBack(joint)).toEqual({ number: 9, sets: [{ nodes: [1, 2, 3], w: 3, r: 1, since: [] }] });
  });
});

describe("a change that a recovery found", () => {
  const sets = [
    { nodes: [1, 2, 3], w: 2, r: 2, since: [] },
    { nodes: [1, 2, 4], w: 2, r: 2, since: [0, 0, 8] },
  ];
  const found = { number: 65_537, sets, recovered: true };
  const map = { ...mapOf(5, PARTITIONS), partitions: [found] };

  test("is neither taken back nor turned to others, wherever the partition belongs by now (P17)", () => {
    for (const gone of [1, 2, 3, 4, 5])
      for (const standing of [Standing.DRAINING, Standing.REPLACED]) expect(turnsOf(regarded(map, gone, standing))).toEqual([]);
    expect(turnsOf({ ...map, policy: { ...POLICY, w: 3, r: 1 } })).toEqual([]);
    expect(() => takenBack(found)).toThrow("never taken back");
    expect(finished(found)).toEqual({ number: 65_538, sets: sets.slice(1) });
  });

  test("goes on with the survivors of both sets, and still ends in the second", () => {
    const [turn] = turnsOf(regarded(map, 4, Standing.DEAD));
    const survivors = { nodes: [1, 2], w: 1, r: 2, since: [0, 0] };
    expect(turn?.next).toEqual({ number: 65_539, sets: [sets[0] ?? survivors, survivors], recovered: true });
    const both = turnsOf(regarded(map, 1, Standing.DEAD))[0]?.next;
    expect(both?.sets.map(({ nodes }) => nodes)).toEqual([
      [2, 3],
      [2, 4],
    ]);
    const after = { ...regarded(map, 4, Standing.DEAD), partitions: turn === undefined ? [] : [turn.next] };
    expect(turnsOf(after)).toEqual([]);
  });
});

describe("placement", () => {
  test("follows a change of weight with moves to, or from, that node alone, and more of them the larger it is", () => {
    const map = mapOf(5, PARTITIONS);
    const weighted = (weight: number): ClusterMap => ({
      ...map,
      nodes: map.nodes.map((node) => (node.number === 4 ? { ...node, weight } : node)),
    });
    const counts = [2, 4].map((weight) => {
      const moves = movesOf(weighted(weight));
      for (const { partition, to } of moves) {
        const before = map.partitions[partition]?.sets[0]?.nodes ?? [];
        expect(to.nodes.filter((node) => !before.includes(node))).toEqual([4]);
      }
      return moves.length;
    });
    expect(counts[0]).toBeGreaterThan(10);
    expect(counts[1]).toBeGreaterThan(counts[0] ?? 0);
  });

  test("spreads replicas over distinct zones after a drain, too, while there are enough zones", () => {
    const map = mapOf(7, PARTITIONS, (number) => `z${number % 3}`);
    const zones = new Map(map.nodes.map(({ number, zone }) => [number, zone]));
    for (const { partition, to } of movesOf(regarded(map, 4, Standing.DRAINING))) {
      expect(new Set(to.nodes.map((node) => zones.get(node))).size).toBe(3);
      const before = map.partitions[partition]?.sets[0]?.nodes ?? [];
      expect(before).toContain(4); // minimal: no other partition moves
      expect(to.nodes.filter((node) => !before.includes(node))).toHaveLength(1);
    }
  });
});

describe("the plan of a removal", () => {
  test("is refused where no replica of a partition would be left", () => {
    const map = mapOf(4, PARTITIONS);
    const one = { number: 1, sets: [{ nodes: [2], w: 1, r: 1 }] };
    const down = map.nodes.map((node) => (node.number === 2 ? { ...node, state: NodeState.DOWN } : node));
    expect(() => leavePlan({ ...map, nodes: down, partitions: [one] }, 2, LeaveStep.REMOVE_DEAD)).toThrow(
      "no replica of partition 0 but dn-2 is left",
    );
  });
});
