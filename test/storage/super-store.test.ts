import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteCatalogueStore } from "../../src/storage/catalogue-store.ts";
import { MAP_MIGRATIONS, SqliteMapStore } from "../../src/storage/map-store.ts";
import { MemoryCatalogueStore, MemoryMapStore } from "../../src/storage/memory-super-store.ts";
import { Database } from "../../src/storage/sqlite.ts";
import { mapCodec } from "../../src/wire/codec.ts";
import { catalogueStoreConformance, fileOf, MAP, mapStoreConformance, type Opened, queryOf } from "../conformance/super-store.ts";

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

test("when a backup was last handed out survives a restart, and stands in a backup as of the one before", () => {
  const { store, path, dispose, reopen } = onDisk((file) => new SqliteMapStore(file));
  store.save({ map: MAP, nextNodeNumber: 4 });
  expect(store.backedUpAtMs).toBe(0);
  store.backup(1_000);
  const second = store.backup(2_000);
  expect(store.backedUpAtMs).toBe(2_000);
  expect(reopen().backedUpAtMs).toBe(2_000);
  writeFileSync(`${path}-put-back`, second);
  const restored = new SqliteMapStore(`${path}-put-back`);
  expect([restored.isBackup, restored.backedUpAtMs]).toEqual([true, 1_000]);
  restored.close();
  dispose();
});

test("a map.db of the first format is brought to this one, a backup's too", () => {
  for (const isBackup of [false, true]) {
    const { store, path, dispose, reopen } = onDisk((file) => {
      if (!existsSync(file)) writeFirstFormat(file, isBackup);
      return new SqliteMapStore(file);
    });
    expect([store.load()?.nextNodeNumber, store.backedUpAtMs, store.isBackup]).toEqual([4, 0, isBackup]);
    store.backup(1_000);
    expect([reopen().backedUpAtMs, existsSync(path)]).toEqual([1_000, true]);
    dispose();
  }
});

function writeFirstFormat(path: string, isBackup: boolean): void {
  const database = Database.open(path, { synchronous: "FULL", pageBytes: 4096, migrations: MAP_MIGRATIONS.slice(0, 1) });
  database.transaction(() => {
    database.prepare("INSERT INTO state VALUES (1, ?, 4)").run(mapCodec.encode(MAP));
    if (isBackup) database.setKind(0x71_64_73_62);
  }, 0);
  database.close();
}

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
