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
  nextNode: 2,
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

const life = { generation: 2, life: "one", supernode: "new:1" };

test("who follows a generation takes no older map any more, and that generation of no other life (P17)", async () => {
  const written: object[] = [];
  const keeper = new MapKeeper(1, FORMING, async (writes) => void written.push(writes));
  expect(await keeper.follow(life)).toBe(FORMING);
  expect(written).toEqual([{ followed: life }]);
  await keeper.adopt({ ...FORMING, version: 3, partitions });
  expect(keeper.map).toBe(FORMING);
  const refused = await keeper.follow({ ...life, life: "two" }).catch((error: unknown) => error);
  expect(codeOf(refused)).toBe("SUPERSEDED");
  expect(refused).toMatchObject({ details: { generation: 2 } });
  expect(codeOf(await keeper.follow({ ...life, generation: 1 }).catch((error: unknown) => error))).toBe("SUPERSEDED");
  await keeper.follow(life); // again
  expect(written).toHaveLength(1);
  await keeper.follow({ ...life, supernode: "elsewhere:1" });
  const issued = { ...FORMING, generation: 2, version: 3, partitions };
  await keeper.adopt(issued);
  expect(keeper.map).toBe(issued);
  expect(written).toHaveLength(3);
});

test("what was followed before a restart is followed after it", async () => {
  const keeper = new MapKeeper(1, FORMING, async () => undefined, life);
  await keeper.adopt({ ...FORMING, version: 3, partitions });
  expect(keeper.map).toBe(FORMING);
  expect(keeper.generation).toBe(2);
  expect(codeOf(await keeper.follow({ ...life, life: "two" }).catch((error: unknown) => error))).toBe("SUPERSEDED");
});

test("a map that is adopted counts as a generation followed", async () => {
  const keeper = new MapKeeper(1, FORMING, async () => undefined);
  await keeper.adopt({ ...FORMING, generation: 2, version: 3, partitions });
  expect(codeOf(await keeper.follow(life).catch((error: unknown) => error))).toBe("SUPERSEDED");
  await keeper.follow({ ...life, generation: 3 });
  expect(keeper.generation).toBe(3);
});
