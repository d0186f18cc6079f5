import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { PlacementNode } from "../../src/cluster/placement.ts";
import { firstAssignment, replicasFor } from "../../src/cluster/placement.ts";
import { PARTITIONS } from "../../src/limits.ts";

const plain = (count: number, weight = 1): PlacementNode[] =>
  Array.from({ length: count }, (_, i) => ({ number: i + 1, zone: "", weight }));

const someNodes = fc
  .array(fc.record({ zone: fc.constantFrom("", "a", "b", "c", "d"), weight: fc.integer({ min: 1, max: 10 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((list): PlacementNode[] => list.map((node, i) => ({ number: i + 1, ...node })));

const zonesOf = (nodes: readonly PlacementNode[], numbers: readonly number[]) =>
  numbers.map((number) => nodes.find((node) => node.number === number)?.zone ?? "?");

/** How many partitions each node holds, and how many it is home of. */
function shares(nodes: readonly PlacementNode[], n: number) {
  const held = new Map(nodes.map((node) => [node.number, 0]));
  const homes = new Map(nodes.map((node) => [node.number, 0]));
  for (const configuration of firstAssignment(nodes, { n, w: n, r: 1 })) {
    const replicas = configuration.sets[0]?.nodes ?? [];
    for (const number of replicas) held.set(number, (held.get(number) ?? 0) + 1);
    homes.set(replicas[0] ?? 0, (homes.get(replicas[0] ?? 0) ?? 0) + 1);
  }
  return { held, homes };
}

describe("placement", () => {
  test("a partition gets n different nodes, the same ones whatever the order the nodes are named in", () => {
    fc.assert(
      fc.property(someNodes, fc.nat(PARTITIONS - 1), fc.integer({ min: 1, max: 7 }), (nodes, partition, n) => {
        fc.pre(n <= nodes.length);
        const replicas = replicasFor(nodes, partition, n);
        expect(new Set(replicas).size).toBe(n);
        expect(replicasFor([...nodes].reverse(), partition, n)).toEqual(replicas);
      }),
    );
  });

  test("replicas stand in distinct zones while there are enough, and evenly spread otherwise", () => {
    fc.assert(
      fc.property(someNodes, fc.nat(PARTITIONS - 1), fc.integer({ min: 1, max: 7 }), (nodes, partition, n) => {
        fc.pre(n <= nodes.length);
        const sizes = new Map<string, number>();
        for (const node of nodes) sizes.set(node.zone, (sizes.get(node.zone) ?? 0) + 1);
        const used = new Map<string, number>();
        for (const zone of zonesOf(nodes, replicasFor(nodes, partition, n))) used.set(zone, (used.get(zone) ?? 0) + 1);
        const most = Math.max(...used.values());
        // No zone has two more than another that still has a node to give.
        for (const [zone, size] of sizes)
          if ((used.get(zone) ?? 0) < size) expect(most - (used.get(zone) ?? 0)).toBeLessThanOrEqual(1);
        if (sizes.size >= n) expect(most).toBe(1);
      }),
    );
  });

  test("a join moves replicas only to the newcomer, and a leave only those of the one that left", () => {
    fc.assert(
      fc.property(someNodes, fc.integer({ min: 1, max: 5 }), fc.nat(PARTITIONS - 1), (nodes, n, start) => {
        const newcomer = nodes.at(-1);
        fc.pre(newcomer !== undefined && nodes.length > n);
        for (let i = 0; i < 20; i++) {
          const partition = (start + i * 37) % PARTITIONS;
          const before = replicasFor(nodes.slice(0, -1), partition, n);
          const after = replicasFor(nodes, partition, n);
          expect(after.filter((number) => !before.includes(number) && number !== newcomer?.number)).toEqual([]);
          // Those that stay keep their order, so homes move only to the newcomer too.
          const stayed = after.filter((number) => number !== newcomer?.number);
          expect(before.filter((number) => stayed.includes(number))).toEqual(stayed);
        }
      }),
    );
  });

  test("equal nodes hold equal shares and lead equal shares", () => {
    for (const count of [3, 4, 5, 9, 16]) {
      const { held, homes } = shares(plain(count), 3);
      const fairHeld = (PARTITIONS * 3) / count;
      const fairHomes = PARTITIONS / count;
      for (const share of held.values()) expect(Math.abs(share - fairHeld) / fairHeld).toBeLessThan(0.25);
      for (const share of homes.values()) expect(Math.abs(share - fairHomes) / fairHomes).toBeLessThan(0.4);
    }
  });

  test("shares are proportional to weight", () => {
    const nodes = plain(10).map((node) => ({ ...node, weight: node.number <= 5 ? 1 : 2 }));
    const { held, homes } = shares(nodes, 2);
    const sum = (of: Map<number, number>, pick: (number: number) => boolean) =>
      [...of].reduce((total, [number, share]) => total + (pick(number) ? share : 0), 0);
    const ratio = sum(held, (number) => number > 5) / sum(held, (number) => number <= 5);
    expect(ratio).toBeGreaterThan(1.6);
    expect(ratio).toBeLessThan(2.2);
    const homeRatio = sum(homes, (number) => number > 5) / sum(homes, (number) => number <= 5);
    expect(homeRatio).toBeGreaterThan(1.6);
    expect(homeRatio).toBeLessThan(2.4);
  });

  test("the first assignment covers every partition with configuration number 1 and one set", () => {
    const configurations = firstAssignment(plain(4), { n: 3, w: 2, r: 2 });
    expect(configurations).toHaveLength(PARTITIONS);
    for (const { number, sets } of configurations) {
      expect(number).toBe(1);
      expect(sets).toHaveLength(1);
      expect(sets[0]).toMatchObject({ w: 2, r: 2 });
      expect(sets[0]?.nodes).toHaveLength(3);
    }
  });
});
