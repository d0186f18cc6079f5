import { expect, test } from "bun:test";
import { MemoryCluster } from "./memory-cluster.ts";

test("a member that comes back goes by the map of its admission only once that is on its disk (P16)", async () => {
  const cluster = new MemoryCluster();
  cluster.crash(3);
  cluster.runtime.advance(10_000); // the SuperNode's map says that it is down
  const before = cluster.map.version;
  cluster.restart(3);
  const { node, store } = cluster.member(3);
  const goesBy = (await cluster.until(node.getMap())).map;
  expect(goesBy.version).toBeGreaterThanOrEqual(before);
  expect(store.map()).toEqual(goesBy);
});
