import { expect, test } from "bun:test";
import { followNeed, openGeneration } from "../../src/cluster/generation.ts";
import { joinedWith } from "../../src/cluster/map.ts";
import { begun, finished } from "../../src/cluster/moves.ts";
import { testMap } from "../client/fakes.ts";

const sets = [1, 2, 3, 4, 5, 6, 7].flatMap((n) =>
  Array.from({ length: n }, (_, i) => i + 1).flatMap((w) =>
    Array.from({ length: n }, (_, j) => j + 1)
      .filter((r) => r + w > n)
      .map((r) => ({ nodes: Array.from({ length: n }, (_, k) => k + 1), w, r })),
  ),
);

test("the followers of a generation meet every quorum, every barrier and the followers of any other life (P17)", () => {
  for (const set of sets) {
    const n = set.nodes.length;
    const meets = (count: number) => followNeed(set) + count > n;
    const barrier = n - Math.min(set.r, set.w) + 1;
    expect({ set, r: meets(set.r), w: meets(set.w), barrier: meets(barrier), followers: meets(followNeed(set)) }).toEqual({
      set,
      r: true,
      w: true,
      barrier: true,
      followers: true,
    });
    expect(followNeed(set)).toBeLessThanOrEqual(n);
  }
});

test("a new generation numbers every configuration above all that older ones can have issued, and changes no replica set", () => {
  const newest = testMap({ version: 9 });
  const second = openGeneration(newest, 2, "new:1", 5);
  expect(second).toMatchObject({ generation: 2, version: 10, supernodes: ["new:1"], nextNode: 5, nodes: newest.nodes });
  expect(second.partitions.map(({ sets: same }) => same)).toEqual(newest.partitions.map(({ sets: same }) => same));
  expect(new Set(second.partitions.map(({ number }) => number))).toEqual(new Set([65_537]));
  const third = openGeneration(second, 3, "newer:1", 5);
  expect(new Set(third.partitions.map(({ number }) => number))).toEqual(new Set([131_073]));
});

test("a generation that has used up its numbers is followed by ones that no life between can have given", () => {
  const used = testMap({ version: 9 }).partitions.map((configuration) => ({ ...configuration, number: 65_535 }));
  const newest = { ...testMap({ version: 9 }), partitions: used };
  const numbersOf = ({ partitions }: { partitions: readonly { number: number }[] }) => [
    ...new Set(partitions.map(({ number }) => number)),
  ];
  const [second] = numbersOf(openGeneration(newest, 2, "new:1", 5));
  const [third] = numbersOf(openGeneration(newest, 3, "new:1", 5)); // nobody has heard of the second
  expect(second).toBeGreaterThan(65_535 + 3);
  expect(third).toBeGreaterThan((second ?? 0) + 3);
});

test("a joint configuration stays joint in a new generation, and nobody joins with it again (P15)", () => {
  const changing = begun(
    { number: 3, sets: [{ nodes: [1, 2, 3], w: 2, r: 2, since: [0, 0, 2] }] },
    { nodes: [1, 3, 4], w: 2, r: 2 },
  );
  const newest = { ...testMap({ version: 9 }), partitions: testMap({ version: 9 }).partitions.map(() => changing) };
  const [reopened] = openGeneration(newest, 2, "new:1", 5).partitions;
  expect(reopened?.sets).toEqual(changing.sets);
  expect([1, 2, 3, 4].map((node) => reopened && joinedWith(reopened, node))).toEqual([0, 0, 2, 4]);
  const after = reopened && begun(finished(reopened), { nodes: [1, 3, 5], w: 2, r: 2 });
  expect(after && [1, 3, 5].map((node) => joinedWith(after, node))).toEqual([0, 2, 65_539]);
});
