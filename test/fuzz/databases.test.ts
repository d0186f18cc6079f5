/** Databases with anything in their columns, or with bytes overwritten. */
import { afterAll, describe, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { checkedMap } from "../../src/cluster/check-map.ts";
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
import { fuzzing, type Outcome, outcomeOf, outcomeOfPromise, valueOr } from "./fuzz.ts";
import { changedBytes, clusterMap } from "./messages.ts";
import { anyText } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const root = mkdtempSync(join(tmpdir(), "qdfs-fuzz-databases-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let serial = 0;
const fresh = () => join(root, `${++serial}`);
const DISK = "abababababababab";

describe("a database", () => {
  const sqlValue: fc.Arbitrary<SqlValue> = fc.oneof(
    fc.constantFrom<SqlValue>(0, -1, 1, 2 ** 31, 2 ** 53, -(2 ** 60), 1.5, ""),
    fc.integer(),
    fc.double({ noNaN: true }),
    anyText.map((text) => text.toWellFormed()),
    fc.uint8Array({ maxLength: 20 }),
    changedBytes(clusterMap.map((map) => mapCodec.encode(map))),
  );
  /** What to set: table, column, where. */
  const NODE_COLUMNS = [
    ["accepted", "sequence", "path = '/a'"],
    ...["path", "configuration", "counter", "node", "random", "head", "content"].map(
      (column) => ["accepted", column, "path = '/a'"] as const,
    ),
    ...["owner", "size", "checksum"].map((column) => ["chunks", column, "1"] as const),
    ["cursors", "sequence", "1"],
    ...["disk", "ceiling", "map", "chosen"].map((name) => ["meta", "value", `name = '${name}'`] as const),
  ] as const;
  const setting = fc.record({ column: fc.constantFrom(...NODE_COLUMNS), value: sqlValue });

  async function nodeDatabase(): Promise<string> {
    const path = fresh();
    const store = SqliteNodeStore.open(path, DISK);
    const chunk = { chunk: "0123456789abcdef-0", owner: "/a", sizeBytes: 5, checksum: "xxh3:0123456789abcdef" };
    const accepts = [acceptOf("/a", 5), acceptOf("/b", 6)];
    await store.commit(writes({ accepts, chunks: [chunk], ceiling: 1000, map: MAP, cursors: [{ diskId: "peer", sequence: 7 }] }));
    store.close();
    return path;
  }

  /** Sets columns, as far as SQLite lets it. */
  function tamper(
    path: string,
    migrations: readonly string[],
    settings: readonly { readonly column: readonly string[]; readonly value: SqlValue }[],
  ): void {
    const database = Database.open(path, { synchronous: "NORMAL", pageBytes: 4096, migrations });
    for (const {
      column: [table, column, where],
      value,
    } of settings) {
      try {
        database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(value);
      } catch (error) {
        if (!String(error).includes("SqliteError")) throw error; // of another type than the column's
      }
    }
    database.close();
  }

  /** Uses everything that a node store offers. */
  async function useNode(store: SqliteNodeStore): Promise<void> {
    const uses: (() => unknown)[] = [
      ...["/a", "/b", "/c"].flatMap((path) => [
        () => store.register(path),
        () => store.current(path),
        () => store.content(path, "op-5"),
      ]),
      () => store.choose("/a", ballotOf(5)),
      () => store.changesAfter(0, 10),
      () => [store.sequence, store.ceiling(), store.map(), store.cursor("peer"), store.usage()],
      () => store.chunk("0123456789abcdef-0"),
      () => store.maintain(),
    ];
    for (const use of uses) expectCoded(outcomeOf(use));
    expectCoded(
      await outcomeOfPromise(
        store.commit(writes({ accepts: [acceptOf("/b", 7)], trims: [{ path: "/b", ballot: ballotOf(7), keep: [] }] })),
      ),
    );
    expectCoded(outcomeOf(() => store.close()));
  }

  function expectCoded(outcome: Outcome<unknown>): void {
    if ("code" in outcome) expect(outcome.code).toBe("DATA_DIR_UNUSABLE");
  }

  fuzz(
    "of a DataNode with anything in its columns is used, or said to be damaged",
    fc.array(setting, { minLength: 1, maxLength: 3 }),
    async (settings) => {
      const path = await nodeDatabase();
      tamper(path, NODE_MIGRATIONS, settings);
      const store = valueOr(
        outcomeOf(() => SqliteNodeStore.open(path, DISK)),
        "DATA_DIR_UNUSABLE",
      );
      if (store !== undefined) await useNode(store);
      rmSync(path);
    },
    { runs: 20 },
  );

  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });

  /** Overwrites bytes here and there, those that say something (most are 0) rather than others. */
  function flip(path: string, places: readonly (readonly [number, number])[]): void {
    const bytes = readFileSync(path);
    const telling = [...bytes.keys()].filter((index) => bytes[index] !== 0);
    for (const [at, byte] of places) bytes[at % 8 === 0 ? at % bytes.length : (telling[at % telling.length] ?? 0)] = byte;
    writeFileSync(path, bytes);
  }

  fuzz(
    "of a DataNode with bytes overwritten is used, or said to be damaged",
    flips,
    async (places) => {
      const path = await nodeDatabase();
      flip(path, places);
      const store = valueOr(
        outcomeOf(() => SqliteNodeStore.open(path, DISK)),
        "DATA_DIR_UNUSABLE",
      );
      if (store !== undefined) await useNode(store);
      rmSync(path, { force: true });
    },
    { runs: 20 },
  );

  const mapSetting = fc.record({ column: fc.constantFrom(["state", "map", "1"], ["state", "next_node", "1"]), value: sqlValue });

  fuzz(
    "of a SuperNode with anything in its columns, or bytes overwritten, is loaded, or said to be damaged",
    fc.oneof(fc.array(mapSetting, { minLength: 1, maxLength: 2 }), flips),
    (damage) => {
      const path = fresh();
      const made = new SqliteMapStore(path);
      made.save({ map: MAP, nextNodeNumber: 4 });
      made.close();
      for (const one of damage) {
        if ("column" in one) tamper(path, MAP_MIGRATIONS, [one]);
        else flip(path, [one]);
      }
      const store = valueOr(
        outcomeOf(() => new SqliteMapStore(path)),
        "DATA_DIR_UNUSABLE",
      );
      if (store === undefined) return;
      const state = valueOr(
        outcomeOf(() => store.load()),
        "DATA_DIR_UNUSABLE",
      );
      if (state !== undefined) expect(checkedMap(state.map)).toBe(state.map);
      store.close();
      rmSync(path);
    },
    { runs: 20 },
  );

  const FILE_COLUMNS = [
    "deleted",
    "path",
    "directory",
    "configuration",
    "counter",
    "node",
    "partition",
    "version",
    "size",
    "stored",
    "modified",
    "written",
    "author",
    "checksum",
  ];
  const catalogueSetting = fc.record({
    column: fc.constantFrom(
      ...FILE_COLUMNS.map((column) => ["files", column, "path = '/d/a'"]),
      ...["files", "deleted", "size", "stored", "listed", "path", "parent"].map((column) => [
        "directories",
        column,
        "path = '/d'",
      ]),
      ...["partition", "files", "size"].map((column) => ["totals", column, "1"]),
      ["cursors", "sequence", "1"],
    ),
    value: sqlValue,
  });

  fuzz(
    "of a catalogue with anything in its columns, or bytes overwritten, is used, begun anew, or said to be damaged",
    fc.oneof(fc.array(catalogueSetting, { minLength: 1, maxLength: 2 }), flips),
    (damage) => {
      const path = fresh();
      const made = SqliteCatalogueStore.open(path);
      made.apply({ files: [fileOf("/d/a", 1), fileOf("/d/b", 2)], cursors: [{ diskId: "d", sequence: 9 }] });
      made.close();
      for (const one of damage) {
        if ("column" in one) tamper(path, CATALOGUE_MIGRATIONS, [one]);
        else flip(path, [one]);
      }
      const store = valueOr(
        outcomeOf(() => SqliteCatalogueStore.open(path)),
        "DATA_DIR_UNUSABLE",
      );
      if (store === undefined) return;
      for (const recursive of [true, false]) {
        for (const kind of [ListKind.FILES, ListKind.TRASH]) {
          expectCoded(outcomeOf(() => store.list({ prefix: "/d", recursive, kind, after: "", limit: 5 })));
        }
      }
      for (const use of [
        () => store.entry("/d/a"),
        () => store.usage("/"),
        () => store.apply({ files: [fileOf("/d/a", 3), fileOf("/e", 4)] }),
        () => store.clear(),
      ]) {
        expectCoded(outcomeOf(use));
      }
      store.close();
      rmSync(path);
    },
    { runs: 20 },
  );
});
