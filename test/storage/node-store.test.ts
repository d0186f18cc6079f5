import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeStore } from "../../src/ports.ts";
import { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { acceptOf, ballotOf, nodeStoreConformance, writes } from "../conformance/node-store.ts";

nodeStoreConformance("SQLite", () => {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-node-store-"));
  const path = join(directory, "node.db");
  let open: NodeStore = SqliteNodeStore.open(path, "disk-1");
  const reopen = () => {
    open.close();
    open = SqliteNodeStore.open(path, "disk-1");
    return open;
  };
  const dispose = () => {
    open.close();
    rmSync(directory, { recursive: true });
  };
  return { store: open, reopen, dispose };
});

nodeStoreConformance("memory", () => ({ store: new MemoryNodeStore(), dispose: () => {} }));

test("a crash loses the commits that have not taken effect, whole, and none that were acknowledged", async () => {
  const due: (() => void)[] = [];
  const after = (_: number, run: () => void) => {
    due.push(run);
    return () => {};
  };
  const timers = { after, soon: (run: () => void) => run() };
  const store = new MemoryNodeStore({ timers });
  const first = store.commit(writes({ accepts: [acceptOf("/a", 1)] }));
  const second = store.commit(writes({ accepts: [acceptOf("/b", 2)], ceiling: 7 }));
  expect(store.register("/a")).toBeUndefined();
  due.shift()?.();
  await first;
  expect(store.register("/a")?.ballot).toEqual(ballotOf(1));
  let ended = false;
  void second.finally(() => {
    ended = true;
  });
  store.crash();
  const third = store.commit(writes({ accepts: [acceptOf("/c", 3)] }));
  while (due.length > 0) due.shift()?.();
  await third;
  expect([store.register("/b"), store.ceiling(), ended]).toEqual([undefined, 0, false]);
  expect(store.register("/c")?.sequence).toBe(2);
});

test("nothing of a commit shows before it is flushed: not its values, not its chunks (P1)", async () => {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-node-store-"));
  try {
    const store = SqliteNodeStore.open(join(directory, "node.db"), "disk-1");
    await store.commit(writes({ accepts: [acceptOf("/a", 1)] }));
    const chunk = { chunk: `${"0".repeat(16)}-0`, owner: "/big", sizeBytes: 1, checksum: "xxh3:0" };
    const flushing = store.commit(writes({ accepts: [2, 3, 4].map((counter) => acceptOf("/a", counter)), chunks: [chunk] }));
    expect(store.register("/a")?.ballot.counter).toBe(1);
    expect(store.chunk(chunk.chunk)).toBeUndefined();
    expect(store.sequence).toBe(1);
    await flushing;
    expect(store.register("/a")?.ballot.counter).toBe(4);
    expect(store.chunk(chunk.chunk)).toEqual(chunk);
    store.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
