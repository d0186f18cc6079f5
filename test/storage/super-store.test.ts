import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteCatalogueStore } from "../../src/storage/catalogue-store.ts";
import { SqliteMapStore } from "../../src/storage/map-store.ts";
import { MemoryCatalogueStore, MemoryMapStore } from "../../src/storage/memory-super-store.ts";
import { catalogueStoreConformance, fileOf, mapStoreConformance, type Opened, queryOf } from "../conformance/super-store.ts";

function onDisk<T extends { close(): void }>(open: (path: string) => T): Required<Opened<T>> & { readonly path: string } {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-super-store-"));
  const path = join(directory, "store.db");
  let store = open(path);
  const reopen = () => {
    store.close();
    store = open(path);
    return store;
  };
  const dispose = () => {
    store.close();
    rmSync(directory, { recursive: true });
  };
  return { store, reopen, dispose, path };
}

mapStoreConformance("SQLite", () => onDisk((path) => new SqliteMapStore(path)));
mapStoreConformance("memory", () => ({ store: new MemoryMapStore(), dispose: () => {} }));
catalogueStoreConformance("SQLite", () => onDisk(SqliteCatalogueStore.open));
catalogueStoreConformance("memory", () => ({ store: new MemoryCatalogueStore(), dispose: () => {} }));

test("a damaged catalogue is begun anew: it is derived data", () => {
  const { store, path, dispose, reopen } = onDisk(SqliteCatalogueStore.open);
  store.apply({ files: [fileOf("/a", 1)], cursors: [{ diskId: "d", sequence: 9 }] });
  store.close();
  writeFileSync(path, "this is no database, and was never one; it is long enough to be looked at as one though".repeat(50));
  const again = reopen();
  expect([again.entry("/a"), again.cursor("d")]).toEqual([undefined, 0]);
  dispose();
});

test("the first page of a large directory costs about what it costs in a small one", () => {
  const firstPageMs = (directories: number, filesEach: number): number => {
    const { store, dispose } = onDisk(SqliteCatalogueStore.open);
    for (let directory = 0; directory < directories; directory += 1) {
      store.apply({ files: Array.from({ length: filesEach }, (_, file) => fileOf(`/big/d${directory}/f${file}`, 1)) });
    }
    const elapsed: number[] = [];
    for (let round = 0; round < 15; round += 1) {
      const start = performance.now();
      expect(store.list(queryOf({ limit: 50 })).entries.length).toBe(1);
      expect(store.list(queryOf({ prefix: "/big", limit: 50 })).entries.length).toBe(50);
      expect(store.list(queryOf({ prefix: "/big/d0", limit: 50 })).entries.length).toBe(50);
      expect(store.list(queryOf({ recursive: true, limit: 50 })).entries.length).toBe(50);
      expect(store.usage("/big").files).toBe(directories * filesEach);
      elapsed.push(performance.now() - start);
    }
    dispose();
    return elapsed.sort((a, b) => a - b)[7] ?? 0;
  };
  const small = firstPageMs(60, 50);
  const large = firstPageMs(60, 1000);
  expect(large).toBeLessThan(5 * small + 2);
});
