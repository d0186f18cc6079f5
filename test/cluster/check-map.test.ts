import { expect, test } from "bun:test";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { checkedMap } from "../../src/cluster/check-map.ts";
import type { ClusterMap, Configuration } from "../../src/wire/messages.ts";
import { MAP } from "../conformance/control.ts";

function complaint(map: ClusterMap): string {
  try {
    checkedMap(map);
    return "none";
  } catch (error) {
    expect(codeOf(error)).toBe("BAD_REQUEST");
    return messageOf(error);
  }
}

/** MAP with one partition changed. */
function withPartition(some: Partial<Configuration>): ClusterMap {
  return { ...MAP, partitions: MAP.partitions.map((partition, index) => (index === 9 ? { ...partition, ...some } : partition)) };
}

test("a map that holds together is handed on, assigned or not, joint or not", () => {
  for (const map of [
    MAP,
    { ...MAP, partitions: [], nodes: [] },
    withPartition({
      sets: [
        { nodes: [1], w: 1, r: 1 },
        { nodes: [2, 3], w: 2, r: 1 },
      ],
    }),
  ]) {
    expect(checkedMap(map)).toBe(map);
  }
});

test.each<[string, ClusterMap]>([
  ['"" is no cluster', { ...MAP, clusterId: "" }],
  ["is no cluster", { ...MAP, clusterId: "../../etc" }],
  ["policy", { ...MAP, policy: { ...MAP.policy, n: 0 } }],
  ["policy", { ...MAP, policy: { ...MAP.policy, chunkSizeBytes: 0 } }],
  ["policy", { ...MAP, policy: { ...MAP.policy, inlineLimitBytes: 5 } }],
  ["numbers of their own", { ...MAP, nodes: [...MAP.nodes, ...MAP.nodes] }],
  ["where node 1 is", { ...MAP, nodes: MAP.nodes.map((node) => ({ ...node, grpc: "" })) }],
  ["it has 1023 partitions", { ...MAP, partitions: MAP.partitions.slice(1) }],
  ["it has 2048 partitions", { ...MAP, partitions: [...MAP.partitions, ...MAP.partitions] }],
  ["partition 9 has no configuration number", withPartition({ number: 0 })],
  ["partition 9 has 0 replica sets", withPartition({ sets: [] })],
  ["partition 9 has replicas ", withPartition({ sets: [{ nodes: [], w: 1, r: 1 }] })],
  ["partition 9 has replicas 1,1", withPartition({ sets: [{ nodes: [1, 1], w: 1, r: 1 }] })],
  ["w=3, r=1", withPartition({ sets: [{ nodes: [1, 2], w: 3, r: 1 }] })],
  ["w=2, r=0", withPartition({ sets: [{ nodes: [1, 2], w: 2, r: 0 }] })],
  ["node 4, which the map does not describe", withPartition({ sets: [{ nodes: [1, 4], w: 1, r: 2 }] })],
])("a map that does not is refused: %s", (words, map) => {
  expect(complaint(map)).toContain(words);
});
