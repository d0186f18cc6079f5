/** The plan of a rebalance: a function of the map, minimal, and made of steps that go through joint configurations. */
import { describe, expect, test } from "bun:test";
import { checkedMap } from "../../src/cluster/check-map.ts";
import { regarded } from "../../src/cluster/leave.ts";
import { isReplica, joinedWith } from "../../src/cluster/map.ts";
import { begun, finished, joiningIn, movesOf, turnsOf } from "../../src/cluster/moves.ts";
import { type ClusterMap, NodeState, Standing } from "../../src/wire/messages.ts";
import { mapOf, nodeOf } from "./maps.ts";

const PARTITIONS = 1024;

/** The map after all its moves, each through its joint configuration. */
function moved(map: ClusterMap): ClusterMap {
  const partitions = [...map.partitions];
  for (const { partition, to } of movesOf(map)) {
    const configuration = partitions[partition];
    if (configuration !== undefined) partitions[partition] = finished(begun(configuration, to));
  }
  return { ...map, partitions };
}

describe("the plan of a rebalance", () => {
  test("is empty where everything is where it belongs", () => {
    expect(movesOf(mapOf(4, PARTITIONS))).toEqual([]);
  });

  test("gives a newcomer its share, moves nothing else, and is done when it is carried out", () => {
    const map = mapOf(3, PARTITIONS);
    const grown = { ...map, nodes: [...map.nodes, nodeOf(4)] };
    const moves = movesOf(grown);
    expect(moves.length).toBeGreaterThan((PARTITIONS * 3) / 4 - 60);
    expect(moves.length).toBeLessThan((PARTITIONS * 3) / 4 + 60);
    for (const { partition, to } of moves) {
      const before = map.partitions[partition]?.sets[0]?.nodes ?? [];
      expect(to.nodes.filter((node) => !before.includes(node))).toEqual([4]);
    }
    const after = moved(grown);
    expect(movesOf(after)).toEqual([]);
    expect(checkedMap(after)).toBe(after);
  });

  test("takes a draining node's partitions to the others, and keeps those of one that is down where they are", () => {
    const map = mapOf(4, PARTITIONS);
    const down = map.nodes.map((node) => (node.number === 2 ? { ...node, state: NodeState.DOWN } : node));
    expect(movesOf({ ...map, nodes: down })).toEqual([]);
    const drained = moved(regarded(map, 2, Standing.DRAINING));
    expect(drained.partitions.some((configuration) => isReplica(configuration, 2))).toBe(false);
  });

  test("gives a dead node's share to those that are steady, if they are enough, and to who was held back when it is steady, too", () => {
    const held = (map: ClusterMap, number: number, is: boolean): ClusterMap => ({
      ...map,
      nodes: map.nodes.map((node) => (node.number === number ? { ...node, held: is } : node)),
    });
    const settled = mapOf(4, PARTITIONS);
    const bereft = regarded({ ...settled, nodes: [...settled.nodes, nodeOf(5)] }, 1, Standing.DEAD);
    const lost = settled.partitions.flatMap((configuration, partition) => (isReplica(configuration, 1) ? [partition] : []));
    const flapping = held(bereft, 5, true);
    const toFlapping = movesOf(flapping).filter(({ to }) => to.nodes.includes(5));
    expect(toFlapping.length).toBeGreaterThan(0); // whoever lost nothing waits for it
    expect(toFlapping.filter(({ partition }) => lost.includes(partition))).toEqual([]);
    expect(moved(flapping).partitions.some((configuration) => isReplica(configuration, 1))).toBe(false);

    const begins = { ...flapping, partitions: flapping.partitions.map((one) => begun(one, { nodes: [1, 2, 5], w: 2, r: 2 })) };
    const turned = turnsOf(begins).filter(({ partition }) => lost.includes(partition));
    expect(turned.map(({ partition }) => partition)).toEqual(lost);
    expect(turned.filter(({ next }) => joiningIn(next).includes(5))).toEqual([]);

    const afterwards = moved(held(moved(flapping), 5, false));
    expect(afterwards.partitions.map(({ sets }) => sets[0]?.nodes.toSorted())).toEqual(
      moved(bereft).partitions.map(({ sets }) => sets[0]?.nodes.toSorted()),
    );

    const three = regarded(held({ ...settled, nodes: settled.nodes.slice(0, 4) }, 4, true), 1, Standing.DEAD);
    expect(movesOf(three).some(({ to }) => to.nodes.includes(4))).toBe(true); // the others alone are too few
  });

  test("is empty while there are fewer nodes than replicas, and leaves alone what changes already", () => {
    const map = mapOf(3, PARTITIONS);
    expect(movesOf(regarded(map, 1, Standing.DRAINING))).toEqual([]);
    const grown = { ...map, nodes: [...map.nodes, nodeOf(4)] };
    const [move] = movesOf(grown);
    const first = map.partitions[move?.partition ?? 0];
    if (move === undefined || first === undefined) throw new Error("there is a move");
    const joint = grown.partitions.map((configuration) => (configuration === first ? begun(first, move.to) : configuration));
    expect(movesOf({ ...grown, partitions: joint }).some(({ partition }) => partition === move.partition)).toBe(false);
  });

  test("says of every replica with which configuration it joined, also of one that left and came back (P15)", () => {
    const first = { number: 1, sets: [{ nodes: [1, 2, 3], w: 2, r: 2 }] };
    const joint = begun(first, { nodes: [1, 2, 4], w: 2, r: 2 });
    expect([joint.number, joiningIn(joint)]).toEqual([2, [4]]);
    const second = finished(joint);
    const third = finished(begun(second, { nodes: [1, 2, 3], w: 2, r: 2 }));
    expect([1, 2, 3].map((node) => joinedWith(third, node))).toEqual([0, 0, 4]);
    expect([1, 4].map((node) => joinedWith(second, node))).toEqual([0, 2]);
  });
});
