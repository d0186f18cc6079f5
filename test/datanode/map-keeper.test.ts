import { expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { MapKeeper } from "../../src/datanode/map-keeper.ts";
import { PARTITIONS } from "../../src/limits.ts";
import type { ClusterMap } from "../../src/wire/messages.ts";

const FORMING: ClusterMap = {
  clusterId: "here",
  generation: 1,
  version: 2,
  policy: { n: 1, w: 1, r: 1, name: "custom", chunkSizeBytes: 4096, inlineLimitBytes: 1024, keepVersions: 3 },
  nodes: [],
  partitions: [],
  supernodes: [],
  waitingFor: "waiting for 1 more DataNode",
};
const partitions = Array.from({ length: PARTITIONS }, () => ({ number: 1, sets: [{ nodes: [1], w: 1, r: 1 }] }));

function codeFrom(keeper: MapKeeper, number: number): string | undefined {
  try {
    keeper.check("/a", number);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

test("a node that has not heard of the partitions yet is behind a caller that has, and says so", async () => {
  const keeper = new MapKeeper(1, FORMING, async () => undefined);
  expect(codeFrom(keeper, 1)).toBe("CONFIGURATION_STALE");
  expect(codeFrom(keeper, 0)).toBe("CLUSTER_WAITING"); // nobody knows of any
  await keeper.adopt({ ...FORMING, version: 3, partitions });
  expect(codeFrom(keeper, 1)).toBeUndefined();
  expect(codeFrom(keeper, 2)).toBe("CONFIGURATION_STALE");
});
