/** Columns that hold what nobody wrote: the store says so, or does without, and nobody goes by them. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../src/base/errors.ts";
import { CATALOGUE_MIGRATIONS } from "../../src/storage/catalogue-schema.ts";
import { SqliteCatalogueStore } from "../../src/storage/catalogue-store.ts";
import { MAP_MIGRATIONS, SqliteMapStore } from "../../src/storage/map-store.ts";
import { NODE_MIGRATIONS } from "../../src/storage/node-schema.ts";
import { SqliteNodeStore } from "../../src/storage/node-store.ts";
import { Database, type SqlValue } from "../../src/storage/sqlite.ts";
import { mapCodec } from "../../src/wire/codec.ts";
import { ListKind } from "../../src/wire/messages.ts";
import { acceptOf, ballotOf, MAP, writes } from "../conformance/node-store.ts";
import { fileOf } from "../conformance/super-store.ts";

const root = mkdtempSync(join(tmpdir(), "qdfs-damage-"));
afterAll(() => rmSync(root, { recursive: true }));

let serial = 0;
const fresh = () => join(root, `${++serial}.db`);
const DISK = "d1d1d1d1d1d1d1d1";

/** A DataNode's database with a file, then changed by a statement. */
async function nodeDatabase(sql: string, ...values: SqlValue[]): Promise<string> {
  const path = fresh();
  const store = SqliteNodeStore.open(path, DISK);
  await store.commit(
    writes({ accepts: [acceptOf("/a", 5)], ceiling: 1000, map: MAP, cursors: [{ diskId: "peer", sequence: 7 }] }),
  );
  store.choose("/a", ballotOf(5));
  store.close();
  change(path, NODE_MIGRATIONS, sql, values);
  return path;
}

function change(path: string, migrations: readonly string[], sql: string, values: readonly SqlValue[]): void {
  const database = Database.open(path, { synchronous: "NORMAL", pageBytes: 4096, migrations });
  database.prepare(sql).run(...values);
  database.close();
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return codeOf(error) ?? error;
  }
}

function opening(path: string): unknown {
  return outcome(() => SqliteNodeStore.open(path, DISK).close());
}

describe("a DataNode's database", () => {
  test.each<[string, SqlValue]>([
    ["ceiling", "much"],
    ["ceiling", -1],
    ["ceiling", 1.5],
    ["ceiling", 2 ** 60],
    ["map", "none"],
    ["map", new Uint8Array(0)],
    ["map", Uint8Array.of(255, 255)],
    ["map", mapCodec.encode({ ...MAP, partitions: MAP.partitions.slice(1) })],
    ["disk", "another"],
  ])("whose %s is %p is damaged", async (name, value) => {
    expect(opening(await nodeDatabase("UPDATE meta SET value = ? WHERE name = ?", value, name))).toBe("DATA_DIR_UNUSABLE");
  });

  test("whose log ends beyond all bounds is damaged", async () => {
    expect(opening(await nodeDatabase("UPDATE accepted SET sequence = 9007199254740993"))).toBe("DATA_DIR_UNUSABLE");
    expect(opening(await nodeDatabase("UPDATE accepted SET sequence = -3"))).toBe("DATA_DIR_UNUSABLE");
  });

  test.each(["configuration = -1", "configuration = 4294967296", "counter = -1", "counter = 9007199254740993", "node = -1"])(
    "with a ballot of %s does not tell of that file",
    async (set) => {
      const store = SqliteNodeStore.open(await nodeDatabase(`UPDATE accepted SET ${set}`), DISK);
      await store.commit(writes({ accepts: [acceptOf("/b", 6)] }));
      for (const look of [
        () => store.register("/a"),
        () => store.current("/a"),
        () => store.choose("/a", ballotOf(5)),
        () => store.changesAfter(0, 10),
      ]) {
        expect(outcome(look)).toBe("DATA_DIR_UNUSABLE");
      }
      expect(store.register("/b")).toMatchObject({ ballot: ballotOf(6) });
      store.close();
    },
  );

  test("with a cursor that is none follows that log from its start", async () => {
    for (const value of [-1, 2 ** 60]) {
      const store = SqliteNodeStore.open(await nodeDatabase("UPDATE cursors SET sequence = ?", value), DISK);
      expect(store.cursor("peer")).toBe(0);
      store.close();
    }
  });

  test("takes nothing for chosen on the word of marks that cannot be right", async () => {
    for (const marks of ["", "all", "9", "1e3", "-1", "1  ", "1 x", "0x7", 5.5, Uint8Array.of(49)]) {
      const store = SqliteNodeStore.open(await nodeDatabase("UPDATE meta SET value = ? WHERE name = 'chosen'", marks), DISK);
      expect([marks, store.register("/a")?.chosen]).toEqual([marks, false]);
      store.close();
    }
  });
});

describe("a database whose tables are not those of its format", () => {
  /** Replaces a text in the file, with one as long. */
  function overwrite(path: string, from: string | Uint8Array, to: string | Uint8Array): void {
    const bytes = readFileSync(path);
    const at = bytes.indexOf(from);
    expect(at).toBeGreaterThan(0);
    bytes.set(Buffer.from(to), at);
    writeFileSync(path, bytes);
  }

  test("is damaged, and a catalogue is begun anew", async () => {
    const node = await nodeDatabase("UPDATE cursors SET sequence = 7");
    overwrite(node, "disk TEXT PRIMARY KEY", "dusk TEXT PRIMARY KEY");
    expect(opening(node)).toBe("DATA_DIR_UNUSABLE");
    const formatless = await nodeDatabase("UPDATE cursors SET sequence = 7");
    writeFileSync(formatless, readFileSync(formatless).fill(0, 60, 64)); // user_version
    expect(opening(formatless)).toBe("DATA_DIR_UNUSABLE");
    const unsupported = await nodeDatabase("UPDATE cursors SET sequence = 7");
    writeFileSync(unsupported, readFileSync(unsupported).fill(9, 44, 48)); // schema format
    expect(opening(unsupported)).toBe("DATA_DIR_UNUSABLE");
    const map = fresh();
    new SqliteMapStore(map).close();
    overwrite(map, "next_node", "past_node");
    expect(outcome(() => new SqliteMapStore(map).close())).toBe("DATA_DIR_UNUSABLE");
    const catalogue = fresh();
    SqliteCatalogueStore.open(catalogue).close();
    overwrite(catalogue, "partition INTEGER PRIMARY KEY", "partitiun INTEGER PRIMARY KEY");
    SqliteCatalogueStore.open(catalogue).close();
  });
});

describe("a catalogue", () => {
  function catalogue(sql: string): SqliteCatalogueStore {
    const path = fresh();
    const store = SqliteCatalogueStore.open(path);
    store.apply({ files: [fileOf("/d/a", 1), fileOf("/d/b", 2)], cursors: [{ diskId: "d", sequence: 9 }] });
    store.close();
    change(path, CATALOGUE_MIGRATIONS, sql, []);
    return SqliteCatalogueStore.open(path);
  }

  test("with totals or cursors that make no sense is begun anew", () => {
    for (const sql of [
      "UPDATE totals SET files = -1",
      "UPDATE totals SET stored = 9007199254740993",
      "UPDATE cursors SET sequence = -1",
    ]) {
      const store = catalogue(sql);
      expect([sql, store.cursor("d"), store.totals().size, store.entry("/d/a")]).toEqual([sql, 0, 0, undefined]);
      store.close();
    }
  });

  test("with a file's row that makes no sense says so, and shows the others", () => {
    const sets = ["size = -1", "stored = -1", "version = 9007199254740993", "modified = -9007199254740993", "counter = -1"];
    for (const set of [...sets, "node = 4294967296", "partition = -7"]) {
      const store = catalogue(`UPDATE files SET ${set} WHERE path = '/d/a'`);
      expect([set, outcome(() => store.entry("/d/a"))]).toEqual([set, "DATA_DIR_UNUSABLE"]);
      expect(store.entry("/d/b")).toMatchObject({ path: "/d/b" });
      const query = { recursive: true, kind: ListKind.FILES, limit: 10 };
      expect(store.list({ ...query, prefix: "/", after: "/d/a" }).entries).toHaveLength(1);
      store.close();
    }
  });
});

describe("a SuperNode's database", () => {
  function mapDatabase(set: string, value: SqlValue): string {
    const path = fresh();
    const store = new SqliteMapStore(path);
    store.save({ map: MAP, nextNodeNumber: 4 });
    store.close();
    change(path, MAP_MIGRATIONS, `UPDATE state SET ${set} = ?`, [value]);
    return path;
  }

  test.each<[string, SqlValue]>([
    ["map", new Uint8Array(0)],
    ["map", Uint8Array.of(1, 2, 3)],
    ["map", mapCodec.encode({ ...MAP, nodes: [] })],
    ["next_node", -1],
    ["next_node", 2 ** 60],
    ["next_node", 1],
  ])("whose %s is %p is damaged", (set, value) => {
    const store = new SqliteMapStore(mapDatabase(set, value));
    expect(outcome(() => store.load())).toBe("DATA_DIR_UNUSABLE");
    store.close();
  });
});
