import { expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { type MapDisk, MapKeeper } from "../../src/datanode/map-keeper.ts";
import { PARTITIONS } from "../../src/limits.ts";
import { type ClusterMap, NodeState } from "../../src/wire/messages.ts";

const FORMING: ClusterMap = {
  clusterId: "here",
  generation: 1,
  version: 2,
  policy: {
    n: 1,
    w: 1,
    r: 1,
    name: "custom",
    chunkSizeBytes: 4096,
    inlineLimitBytes: 1024,
    keepVersions: 3,
    tombstoneGraceMs: 0,
    orphanAgeMs: 0,
  },
  nodes: [],
  partitions: [],
  supernodes: [],
  waitingFor: "waiting for 1 more DataNode",
  nextNode: 2,
};
const partitions = Array.from({ length: PARTITIONS }, () => ({ number: 1, sets: [{ nodes: [1], w: 1, r: 1 }] }));

const QUICK: MapDisk = { diskId: "d1", adopt: async (_map, _joined, inForce) => inForce(), follow: async () => undefined };

function codeFrom(keeper: MapKeeper, number: number): string | undefined {
  try {
    keeper.check("/a", number);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

test("a node that has not heard of the partitions yet is behind a caller that has, and says so", async () => {
  const keeper = new MapKeeper(1, FORMING, QUICK);
  expect(codeFrom(keeper, 1)).toBe("CONFIGURATION_STALE");
  expect(codeFrom(keeper, 0)).toBe("CLUSTER_WAITING"); // nobody knows of any
  await keeper.adopt({ ...FORMING, version: 3, partitions });
  expect(codeFrom(keeper, 1)).toBeUndefined();
  expect(codeFrom(keeper, 2)).toBe("CONFIGURATION_STALE");
});

test("a replica joins empty what it was no replica of when it last heard of it, and only that (P15)", async () => {
  const asked: number[][] = [];
  const adopt: MapDisk["adopt"] = async (_map, joined, inForce) => {
    asked.push([...joined]);
    inForce();
  };
  const nodes = [1, 2, 3];
  const founder = { nodes, w: 2, r: 2 };
  const since = (...numbers: number[]) => ({ nodes, w: 2, r: 2, since: numbers });
  const first = { number: 3, sets: [founder] };
  const keeper = new MapKeeper(1, { ...FORMING, partitions: [first, first, first, first] }, { ...QUICK, adopt });
  await keeper.adopt({
    ...FORMING,
    version: 3,
    partitions: [
      { number: 5, sets: [founder] }, // it stayed all the time
      { number: 7, sets: [since(6, 0, 0)] }, // it left and came back, and heard of neither
      { number: 5, sets: [since(3, 0, 0)] }, // it has adopted the configuration with which it joined
      { number: 4, sets: [founder, { ...founder, nodes: [2, 3, 4] }] }, // it is about to leave
    ],
  });
  expect(asked).toEqual([[1]]);
});

test("a map counts when it is durable, not before (P16)", async () => {
  let durable: () => void = () => undefined;
  const adopt: MapDisk["adopt"] = async (_map, _joined, inForce) => {
    await new Promise<void>((resolve) => {
      durable = resolve;
    });
    inForce();
  };
  const keeper = new MapKeeper(1, { ...FORMING, partitions }, { ...QUICK, adopt });
  const newer = partitions.map((configuration) => ({ ...configuration, number: 2 }));
  const adopted = keeper.adopt({ ...FORMING, version: 3, partitions: newer });
  await Promise.resolve();
  expect([codeFrom(keeper, 1), codeFrom(keeper, 2)]).toEqual([undefined, "CONFIGURATION_STALE"]);
  await new Promise((resolve) => setImmediate(resolve));
  durable();
  await adopted;
  expect([codeFrom(keeper, 1), codeFrom(keeper, 2)]).toEqual(["CONFIGURATION_STALE", undefined]);
});

const life = { generation: 2, life: "one", supernode: "new:1" };

test("who follows a generation takes no older map any more, and that generation of no other life (P17)", async () => {
  const written: object[] = [];
  const keeper = new MapKeeper(1, FORMING, {
    diskId: "d1",
    adopt: async (map, _joined, inForce) => {
      written.push(map);
      inForce();
    },
    follow: async (claim) => void written.push(claim),
  });
  expect(await keeper.follow(life)).toBe(FORMING);
  expect(written).toEqual([life]);
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
  const keeper = new MapKeeper(1, FORMING, QUICK, life);
  await keeper.adopt({ ...FORMING, version: 3, partitions });
  expect(keeper.map).toBe(FORMING);
  expect(keeper.generation).toBe(2);
  expect(codeOf(await keeper.follow({ ...life, life: "two" }).catch((error: unknown) => error))).toBe("SUPERSEDED");
});

test("a map that is adopted counts as a generation followed", async () => {
  const keeper = new MapKeeper(1, FORMING, QUICK);
  await keeper.adopt({ ...FORMING, generation: 2, version: 3, partitions });
  expect(codeOf(await keeper.follow(life).catch((error: unknown) => error))).toBe("SUPERSEDED");
  await keeper.follow({ ...life, generation: 3 });
  expect(keeper.generation).toBe(3);
});

test("a map in which this node's number is another disk's is not adopted, and the node is told (P17, I3)", async () => {
  const keeper = new MapKeeper(1, FORMING, QUICK);
  const told: (string | undefined)[] = [];
  keeper.onDisplaced((error) => told.push(codeOf(error)));
  const node = { number: 1, grpc: "a:1", http: "a:2", zone: "", weight: 1, state: NodeState.UP, diskId: "another" };
  const refused = keeper.adopt({ ...FORMING, generation: 2, version: 3, partitions, nodes: [node] });
  expect(codeOf(await refused.catch((error: unknown) => error))).toBe("NOT_ALLOWED");
  expect(told).toEqual(["NOT_ALLOWED"]);
  expect(keeper.map).toBe(FORMING);
  await keeper.adopt({ ...FORMING, version: 3, partitions, nodes: [{ ...node, diskId: "d1" }] });
  expect(codeFrom(keeper, 1)).toBeUndefined();
});
