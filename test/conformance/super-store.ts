/** What every MapStore and every CatalogueStore does; SQLite and memory pass the same suites. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryCatalogueStore } from "../../src/storage/memory-super-store.ts";
import type { CatalogueFile, CatalogueQuery, CatalogueStore, CatalogueWrites, MapStore } from "../../src/supernode-ports.ts";
import { type ClusterMap, ListKind } from "../../src/wire/messages.ts";

export interface Opened<T> {
  readonly store: T;
  readonly reopen?: () => T;
  readonly dispose: () => void;
}

function using<T>(open: () => Opened<T>, run: (opened: Opened<T>) => void): void {
  const opened = open();
  try {
    run(opened);
  } finally {
    opened.dispose();
  }
}

export const MAP: ClusterMap = {
  clusterId: "c1",
  generation: 1,
  version: 7,
  policy: {
    n: 3,
    w: 2,
    r: 2,
    name: "majority",
    chunkSizeBytes: 4,
    inlineLimitBytes: 2,
    keepVersions: 1,
    sinceMs: 0,
    tombstoneGraceMs: 0,
    orphanAgeMs: 0,
    keepForMs: 0,
  },
  nodes: [{ number: 1, grpc: "a:1", http: "a:2", zone: "z", weight: 1, state: 0, diskId: "d1", standing: 0, held: false }],
  partitions: [],
  supernodes: ["s:1"],
  waitingFor: "3 DataNodes",
  nextNode: 7,
  gone: [],
};

export function mapStoreConformance(name: string, open: () => Opened<MapStore>): void {
  describe(`${name} as a map store`, () => {
    test("the last saved state is what is loaded, also after a restart", () =>
      using(open, ({ store, reopen }) => {
        expect(store.load()).toBeUndefined();
        store.save({ map: MAP, nextNodeNumber: 2 });
        store.save({ map: { ...MAP, version: 8 }, nextNodeNumber: 4 });
        const expected = { map: { ...MAP, version: 8 }, nextNodeNumber: 4 };
        expect(store.load()).toEqual(expected);
        if (reopen !== undefined) expect(reopen().load()).toEqual(expected);
      }));
  });
}

export function fileOf(path: string, counter: number, some: Partial<CatalogueFile> = {}): CatalogueFile {
  return {
    path,
    ballot: { configuration: 1, counter, node: 1 },
    partition: path.length % 3,
    version: counter,
    tombstone: false,
    sizeBytes: 10 * counter,
    storedBytes: 11 * counter,
    modifiedAtMs: 1_700_000_000_000 + counter,
    writtenAtMs: 1_700_000_000_500 + counter,
    by: "me",
    checksum: "xxh3:0123456789abcdef",
    ...some,
  };
}

export function queryOf(some: Partial<CatalogueQuery> = {}): CatalogueQuery {
  return { prefix: "/", recursive: false, kind: ListKind.FILES, after: "", limit: 100, ...some };
}

const shown = (store: CatalogueStore, some: Partial<CatalogueQuery>): string[] =>
  store.list(queryOf(some)).entries.map(({ path, directory }) => `${path}${directory ? "/" : ""}`);

export function catalogueStoreConformance(name: string, open: () => Opened<CatalogueStore>): void {
  const listing = (paths: readonly string[], run: (store: CatalogueStore) => void) =>
    using(open, ({ store }) => {
      store.apply({ files: paths.map((path, index) => fileOf(path, index + 1)) });
      run(store);
    });

  describe(`${name} as a catalogue store`, () => {
    test("a file is listed as of its highest ballot, in whatever order the changes come", () =>
      using(open, ({ store }) => {
        store.apply({ files: [fileOf("/a", 2), fileOf("/a", 1), fileOf("/a", 3, { tombstone: true })] });
        expect(store.entry("/a")).toEqual(fileOf("/a", 3, { tombstone: true }));
        store.apply({ files: [fileOf("/a", 3), fileOf("/a", 2)] });
        expect(store.entry("/a")?.tombstone).toBe(true);
        store.apply({ files: [fileOf("/a", 4)] });
        expect(store.entry("/a")).toEqual(fileOf("/a", 4));
        expect(store.entry("/b")).toBeUndefined();
      }));

    test("subdirectories are one entry each, and everything is in byte order of path", () =>
      listing(["/b/x/1", "/b/x/2", "/b.txt", "/b", "/a-1/f", "/a/f", "/a.b", "/ü", "/z", "/𐍈", "/\uffee"], (store) => {
        expect(shown(store, {})).toEqual(["/a/", "/a-1/", "/a.b", "/b", "/b/", "/b.txt", "/z", "/ü", "/\uffee", "/𐍈"]);
        expect(shown(store, { prefix: "/b" })).toEqual(["/b/x/"]);
        expect(shown(store, { prefix: "/b/x" })).toEqual(["/b/x/1", "/b/x/2"]);
        expect(shown(store, { prefix: "/none" })).toEqual([]);
        expect(shown(store, { prefix: "/b", recursive: true })).toEqual(["/b/x/1", "/b/x/2"]);
        expect(shown(store, { recursive: true }).slice(0, 6)).toEqual(["/a-1/f", "/a.b", "/a/f", "/b", "/b.txt", "/b/x/1"]);
      }));

    test("a page that ends between a file and a directory of one name holds both", () =>
      listing(["/a", "/a/b", "/c"], (store) => {
        expect(shown(store, { limit: 1 })).toEqual(["/a", "/a/"]);
        expect(store.list(queryOf({ limit: 1 })).more).toBe(true);
        expect(shown(store, { limit: 1, after: "/a" })).toEqual(["/c"]);
        expect(store.list(queryOf({ limit: 1, after: "/a" })).more).toBe(false);
      }));

    test("deleted files are in the trash alone and count nowhere", () =>
      using(open, ({ store }) => {
        store.apply({ files: [fileOf("/d/a", 1), fileOf("/d/b", 2), fileOf("/e/c", 3)] });
        store.apply({ files: [fileOf("/d/a", 4, { tombstone: true }), fileOf("/e/c", 5, { tombstone: true })] });
        expect(shown(store, {})).toEqual(["/d/"]);
        expect(shown(store, { kind: ListKind.TRASH })).toEqual(["/d/", "/e/"]);
        expect(shown(store, { kind: ListKind.TRASH, recursive: true })).toEqual(["/d/a", "/e/c"]);
        expect(store.usage("/")).toEqual({ files: 1, sizeBytes: 20, storedBytes: 22 });
        expect(store.usage("/e")).toEqual({ files: 0, sizeBytes: 0, storedBytes: 0 });
      }));

    test("usage counts the files below and the file of that name", () =>
      listing(["/a", "/a/b", "/a/b/c", "/ab"], (store) => {
        expect(store.usage("/a")).toEqual({ files: 3, sizeBytes: 60, storedBytes: 66 });
        expect(store.usage("/a/b")).toEqual({ files: 2, sizeBytes: 50, storedBytes: 55 });
        expect(store.usage("/")).toEqual({ files: 4, sizeBytes: 100, storedBytes: 110 });
        expect(store.usage("/none")).toEqual({ files: 0, sizeBytes: 0, storedBytes: 0 });
      }));

    test("an erased file goes unless it was written again", () =>
      using(open, ({ store }) => {
        store.apply({
          files: [fileOf("/d/a", 1, { tombstone: true }), fileOf("/d/b", 3)],
          cursors: [{ diskId: "d", sequence: 5 }],
        });
        const at = (counter: number) => ({ configuration: 1, counter, node: 1 });
        store.apply({
          files: [],
          erased: [
            { path: "/d/a", ballot: at(1) },
            { path: "/d/b", ballot: at(2) },
            { path: "/x", ballot: at(9) },
          ],
        });
        expect(store.entry("/d/a")).toBeUndefined();
        expect(store.entry("/d/b")?.version).toBe(3);
        expect(store.cursor("d")).toBe(5);
        expect(shown(store, { kind: ListKind.TRASH })).toEqual([]);
      }));

    test("clearing forgets everything", () =>
      using(open, ({ store }) => {
        store.apply({ files: [fileOf("/d/a", 1)], cursors: [{ diskId: "d", sequence: 5 }] });
        store.clear();
        expect([store.cursor("d"), store.entry("/d/a"), shown(store, {}), store.totals().size]).toEqual([0, undefined, [], 0]);
        store.apply({ files: [fileOf("/d/a", 1)] });
        expect(shown(store, {})).toEqual(["/d/"]);
      }));

    test("any run of changes leaves what the memory store says, page by page, before and after a restart", () =>
      fc.assert(
        fc.property(fc.array(writesArbitrary, { maxLength: 12 }), (runs) =>
          using(open, ({ store, reopen }) => {
            const model = new MemoryCatalogueStore();
            for (const writes of runs) {
              store.apply(writes);
              model.apply(writes);
            }
            compare(store, model);
            if (reopen !== undefined) compare(reopen(), model);
          }),
        ),
        { numRuns: 60 },
      ));
  });
}

const PATHS = ["/a", "/a/b", "/a/b/c", "/a/b.c", "/a-b", "/a-b/c", "/a.b/c/d", "/ü/1", "/z"];
const pathArbitrary = fc.constantFrom(...PATHS);
const ballotArbitrary = fc.record({
  configuration: fc.integer({ min: 1, max: 2 }),
  counter: fc.integer({ min: 1, max: 5 }),
  node: fc.constant(1),
});
const fileArbitrary = fc
  .record({ path: pathArbitrary, ballot: ballotArbitrary, tombstone: fc.boolean(), sizeBytes: fc.nat(1000) })
  .map(({ path, ballot, tombstone, sizeBytes }) => fileOf(path, 1, { ballot, tombstone, sizeBytes, storedBytes: 2 * sizeBytes }));
const writesArbitrary: fc.Arbitrary<CatalogueWrites> = fc.record({
  files: fc.array(fileArbitrary, { maxLength: 6 }),
  erased: fc.array(fc.record({ path: pathArbitrary, ballot: ballotArbitrary }), { maxLength: 2 }),
  cursors: fc.array(fc.record({ diskId: fc.constantFrom("d", "e"), sequence: fc.nat(99) }), { maxLength: 2 }),
});

const PREFIXES = ["/", "/a", "/a/b", "/a-b", "/ü"];
const PARTITION_SETS = [undefined, new Set([0]), new Set([1, 2])];

function compare(store: CatalogueStore, model: CatalogueStore): void {
  for (const path of PATHS) expect(store.entry(path)).toEqual(model.entry(path));
  for (const disk of ["d", "e"]) expect(store.cursor(disk)).toBe(model.cursor(disk));
  const nonEmpty = (totals: ReturnType<CatalogueStore["totals"]>) =>
    [...totals].filter(([, { files }]) => files > 0).sort(([a], [b]) => a - b);
  expect(nonEmpty(store.totals())).toEqual(nonEmpty(model.totals()));
  for (const prefix of PREFIXES) {
    expect(store.usage(prefix)).toEqual(model.usage(prefix));
    for (const recursive of [true, false]) {
      for (const kind of [ListKind.FILES, ListKind.TRASH]) {
        for (const partitions of PARTITION_SETS)
          comparePages(store, model, queryOf({ prefix, recursive, kind, partitions, limit: 2 }));
      }
    }
  }
}

function comparePages(store: CatalogueStore, model: CatalogueStore, first: CatalogueQuery): void {
  let after = first.after;
  for (let more = true; more; ) {
    const page = store.list({ ...first, after });
    expect(page).toEqual(model.list({ ...first, after }));
    after = page.entries.at(-1)?.path ?? after;
    more = page.more;
  }
}
