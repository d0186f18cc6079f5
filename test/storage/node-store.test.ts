import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeStore } from "../../src/ports.ts";
import { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import { NODE_MIGRATIONS } from "../../src/storage/node-schema.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { Database } from "../../src/storage/sqlite.ts";
import { acceptOf, ballotOf, nodeStoreConformance, writes } from "../conformance/node-store.ts";
import { nodeStoreGarbageConformance } from "../conformance/node-store-garbage.ts";

function inFile(youngMax?: number) {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-node-store-"));
  const path = join(directory, "node.db");
  let open: NodeStore = SqliteNodeStore.open(path, "disk-1", youngMax);
  const reopen = () => {
    open.close();
    open = SqliteNodeStore.open(path, "disk-1", youngMax);
    return open;
  };
  const dispose = () => {
    open.close();
    rmSync(directory, { recursive: true });
  };
  return { store: open, reopen, dispose, path };
}

nodeStoreConformance("SQLite", () => inFile());
nodeStoreGarbageConformance("SQLite", () => inFile());
nodeStoreConformance("SQLite with a path index that is folded all the time", () => inFile(1));
nodeStoreGarbageConformance("SQLite with a path index that is folded all the time", () => inFile(1));
nodeStoreConformance("SQLite with a path index that is folded now and then", () => inFile(5));
nodeStoreGarbageConformance("SQLite with a path index that is folded now and then", () => inFile(5));

nodeStoreConformance("memory", () => ({ store: new MemoryNodeStore(), dispose: () => {} }));
nodeStoreGarbageConformance("memory", () => ({ store: new MemoryNodeStore(), dispose: () => {} }));

/** Timers whose moments come when the test says so. */
function handTimers() {
  const due: (() => void)[] = [];
  const after = (_: number, run: () => void) => {
    due.push(run);
    return () => {};
  };
  return { due, timers: { after, soon: (run: () => void) => run() } };
}

test("a crash loses the commit under way, whole, and none that were acknowledged", async () => {
  const { due, timers } = handTimers();
  const store = new MemoryNodeStore({ timers });
  const first = store.commit(writes({ accepts: [acceptOf("/a", 1)] }));
  expect(store.register("/a")).toBeUndefined();
  due.shift()?.();
  await first;
  expect(store.register("/a")?.ballot).toEqual(ballotOf(1));
  let ended = false;
  void store.commit(writes({ accepts: [acceptOf("/a", 2), acceptOf("/b", 2)], ceiling: 7 })).finally(() => {
    ended = true;
  });
  store.crash();
  const third = store.commit(writes({ accepts: [acceptOf("/c", 3)] }));
  while (due.length > 0) due.shift()?.();
  await third;
  expect([store.register("/b"), store.ceiling(), ended]).toEqual([undefined, 0, false]);
  expect(store.register("/a")?.ballot).toEqual(ballotOf(1));
  expect(store.register("/c")?.sequence).toBe(2);
});

test("a crash may keep the commit under way though nobody was told, and forgets chosen marks that were not saved", async () => {
  const { due, timers } = handTimers();
  const store = new MemoryNodeStore({ timers });
  void store.commit(writes({ accepts: [acceptOf("/a", 1), acceptOf("/b", 1)], ceiling: 7 }));
  due.shift()?.();
  store.choose("/a", ballotOf(1));
  store.maintain();
  store.choose("/b", ballotOf(1));
  void store.commit(writes({ accepts: [acceptOf("/c", 2)] }));
  store.crash(true);
  expect(store.register("/c")?.ballot).toEqual(ballotOf(2));
  expect([store.ceiling(), store.register("/a")?.chosen, store.register("/b")?.chosen]).toEqual([7, true, false]);
});

test("the memory twin shows nothing of a commit before it is flushed either", async () => {
  const { due, timers } = handTimers();
  const store = new MemoryNodeStore({ timers });
  const chunk = { chunk: `${"0".repeat(16)}-0`, owner: "/big", sizeBytes: 1, checksum: "xxh3:0" };
  const flushing = store.commit(writes({ accepts: [acceptOf("/a", 1)], chunks: [chunk], ceiling: 9 }));
  expect([store.register("/a"), store.chunk(chunk.chunk), store.sequence, store.ceiling()]).toEqual([undefined, undefined, 0, 0]);
  expect(() => store.changesAfter(0, 10)).toThrow();
  expect(() => store.current("/a")).toThrow();
  due.shift()?.();
  await flushing;
  expect(store.register("/a")?.ballot.counter).toBe(1);
  expect([store.chunk(chunk.chunk), store.sequence, store.ceiling()]).toEqual([chunk, 1, 9]);
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

test("what a transaction that failed did to the path index is taken back with it", async () => {
  for (const youngMax of [1, 100]) {
    const { store, dispose } = inFile(youngMax);
    await store.commit(writes({ accepts: [acceptOf("/a", 1), acceptOf("/b", 1)] }));
    const unwritable = { ...acceptOf("/c", 2), head: JSON.parse("null") };
    const settled = { ...acceptOf("/a", 1), ballot: ballotOf(2) };
    await expect(store.commit(writes({ accepts: [settled, acceptOf("/b", 2), unwritable] }))).rejects.toThrow();
    expect(store.changesAfter(0, 10).map(({ path, ballot }) => [path, ballot])).toEqual([
      ["/a", ballotOf(1)],
      ["/b", ballotOf(1)],
    ]);
    await store.commit(writes({ accepts: [settled] }));
    expect(store.changesAfter(0, 10).map(({ path, sequence }) => [path, sequence])).toEqual([
      ["/b", 2],
      ["/a", 3],
    ]);
    expect(store.usage().files).toBe(2);
    dispose();
  }
});

test("a database of the first format, whose index was one of SQLite's, is taken over", async () => {
  const { store, dispose, path } = inFile();
  store.close();
  rmSync(path);
  const first = Database.open(path, { synchronous: "NORMAL", pageBytes: 4096, migrations: NODE_MIGRATIONS.slice(0, 1) });
  const insert = first.prepare<[]>("INSERT INTO accepted VALUES (?, ?, 0, ?, 1, ?, x'', ?)");
  for (const [sequence, file] of ["/b", "/a", "/b"].entries())
    insert.run(sequence + 1, file, sequence + 1, `operation-${sequence}`, Buffer.from(`bytes ${sequence}`));
  first.close();

  const taken = SqliteNodeStore.open(path, "disk-1");
  expect(taken.changesAfter(0, 10).map((change) => [change.path, change.sequence])).toEqual([
    ["/a", 2],
    ["/b", 3],
  ]);
  expect(Buffer.from(taken.content("/b", "operation-0") ?? []).toString()).toBe("bytes 0");
  expect([taken.usage().files, taken.register("/b")?.ballot.counter]).toEqual([2, 3]);
  taken.close();
  dispose();
});
