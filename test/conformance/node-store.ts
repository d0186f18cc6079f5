/** What every NodeStore does; SQLite and memory pass the same suite. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PARTITIONS } from "../../src/limits.ts";
import type { AcceptWrite, NodeStore, NodeWrites, Trim } from "../../src/ports.ts";
import { compareBallots, sameBallot } from "../../src/register/ballot.ts";
import type { Ballot, Chosen, ClusterMap } from "../../src/wire/messages.ts";

export interface OpenNodeStore {
  readonly store: NodeStore;
  /** Closes it and opens it again, as after a restart; undefined when the adapter cannot. */
  readonly reopen?: () => NodeStore;
  readonly dispose: () => void;
}

const NOTHING: NodeWrites = { accepts: [], trims: [], chunks: [], droppedChunks: [] };

export const writes = (some: Partial<NodeWrites>): NodeWrites => ({ ...NOTHING, ...some });

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const ballotOf = (counter: number, node = 1): Ballot => ({ configuration: 1, counter, node });

export function acceptOf(path: string, counter: number, some: Partial<AcceptWrite> = {}): AcceptWrite {
  const random = some.random ?? `op-${counter}`;
  return {
    path,
    ballot: ballotOf(counter),
    head: bytes(`head of ${random}`),
    random,
    content: bytes(`bytes of ${random}`),
    chosen: false,
    ...some,
  };
}

export const MAP: ClusterMap = {
  clusterId: "c1",
  generation: 1,
  version: 7,
  policy: { n: 3, w: 2, r: 2, name: "majority", chunkSizeBytes: 4, inlineLimitBytes: 2, keepVersions: 1 },
  nodes: [{ number: 1, grpc: "a:1", http: "a:2", zone: "z", weight: 1, state: 0, diskId: "d1" }],
  partitions: Array.from({ length: PARTITIONS }, (_, index) => ({ number: index + 1, sets: [{ nodes: [1], w: 1, r: 1 }] })),
  supernodes: ["s:1"],
  waitingFor: "",
};

export function nodeStoreConformance(name: string, open: () => OpenNodeStore): void {
  const using = async (run: (opened: OpenNodeStore) => Promise<void>) => {
    const opened = open();
    try {
      await run(opened);
    } finally {
      opened.dispose();
    }
  };

  describe(`${name} as a node store`, () => {
    test("an empty store holds nothing and begins at sequence 0", () =>
      using(async ({ store }) => {
        expect(store.register("/a")).toBeUndefined();
        expect(store.current("/a")).toBeUndefined();
        expect(store.content("/a", "op-1")).toBeUndefined();
        expect([store.sequence, store.ceiling(), store.cursor("d")]).toEqual([0, 0, 0]);
        expect(store.map()).toBeUndefined();
        expect(store.changesAfter(0, 10)).toEqual([]);
      }));

    test("an accept is the file's register, its bytes, and a change", () =>
      using(async ({ store }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 5)] }));
        const expected = { sequence: 1, ballot: ballotOf(5), chosen: false };
        expect(store.register("/a")).toMatchObject(expected);
        expect(store.register("/a")?.head).toEqual(Buffer.from("head of op-5"));
        expect(text(store.current("/a")?.content)).toBe("bytes of op-5");
        expect(text(store.content("/a", "op-5"))).toBe("bytes of op-5");
        expect(store.changesAfter(0, 10)).toMatchObject([{ path: "/a", ...expected }]);
        expect(store.usage().files).toBe(1);
      }));

    test("empty content is content, no content is none", () =>
      using(async ({ store }) => {
        await store.commit(
          writes({ accepts: [acceptOf("/empty", 1, { content: new Uint8Array(0) }), acceptOf("/none", 2, { content: null })] }),
        );
        expect(store.content("/empty", "op-1")?.length).toBe(0);
        expect(store.current("/empty")?.content?.length).toBe(0);
        expect(store.content("/none", "op-2")).toBeUndefined();
        expect(store.current("/none")?.content).toBeNull();
      }));

    test("a settle keeps the bytes it does not bring, also of a version accepted before another one", () =>
      using(async ({ store }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 1, { random: "x" })] }));
        await store.commit(writes({ accepts: [acceptOf("/a", 2, { random: "y" })] }));
        await store.commit(writes({ accepts: [acceptOf("/a", 3, { random: "x", content: null })] }));
        expect(store.register("/a")).toMatchObject({ sequence: 3, ballot: ballotOf(3) });
        expect(text(store.current("/a")?.content)).toBe("bytes of x");
        expect(text(store.content("/a", "y"))).toBe("bytes of y");
        expect(store.usage().files).toBe(1);
      }));

    test("a chosen hint counts for exactly the accepted ballot and outlives the same ballot coming again", () =>
      using(async ({ store }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 2)] }));
        expect([store.choose("/a", ballotOf(1)), store.choose("/b", ballotOf(2))]).toEqual([false, false]);
        expect(store.register("/a")?.chosen).toBe(false);
        expect(store.choose("/a", ballotOf(2))).toBe(true);
        expect(store.register("/a")?.chosen).toBe(true);
        await store.commit(writes({ accepts: [acceptOf("/a", 2)] }));
        expect(store.register("/a")).toMatchObject({ sequence: 2, chosen: true });
        await store.commit(writes({ accepts: [acceptOf("/a", 3)] }));
        expect(store.register("/a")?.chosen).toBe(false);
      }));

    test("a trim drops only what was accepted below its ballot, never the accepted value", () =>
      using(async ({ store }) => {
        for (const counter of [1, 2, 3, 4]) await store.commit(writes({ accepts: [acceptOf("/a", counter)] }));
        await store.commit(writes({ trims: [{ path: "/a", ballot: ballotOf(3), keep: ["op-3", "op-2"] }] }));
        expect([1, 2, 3, 4].map((counter) => store.content("/a", `op-${counter}`) !== undefined)).toEqual([
          false,
          true,
          true,
          true,
        ]);
        await store.commit(
          writes({
            trims: [
              { path: "/a", ballot: ballotOf(9), keep: [] },
              { path: "/none", ballot: ballotOf(9), keep: [] },
            ],
          }),
        );
        expect([1, 2, 3, 4].map((counter) => store.content("/a", `op-${counter}`) !== undefined)).toEqual([
          false,
          false,
          false,
          true,
        ]);
        expect(store.register("/a")).toMatchObject({ sequence: 4, ballot: ballotOf(4) });
      }));

    test("the change log leaves out what was superseded and goes on where it is told", () =>
      using(async ({ store }) => {
        for (const [path, counter] of [
          ["/a", 1],
          ["/b", 2],
          ["/a", 3],
          ["/c", 4],
        ] as const) {
          await store.commit(writes({ accepts: [acceptOf(path, counter)] }));
        }
        const brief = (after: number, limit: number) =>
          store.changesAfter(after, limit).map(({ path, sequence }) => `${path} ${sequence}`);
        expect(brief(0, 10)).toEqual(["/b 2", "/a 3", "/c 4"]);
        expect(brief(0, 2)).toEqual(["/b 2", "/a 3"]);
        expect(brief(3, 10)).toEqual(["/c 4"]);
        expect(brief(4, 10)).toEqual([]);
      }));

    test("ceiling, map, cursors and chunks are kept", () =>
      using(async ({ store }) => {
        const chunk = { chunk: "0123456789abcdef-0", owner: "/a", sizeBytes: 4096, checksum: "xxh3:0000000000000000" };
        await store.commit(writes({ ceiling: 2 ** 45, map: MAP, cursors: [{ diskId: "d", sequence: 9 }], chunks: [chunk] }));
        expect([store.ceiling(), store.cursor("d"), store.cursor("e")]).toEqual([2 ** 45, 9, 0]);
        expect(store.map()).toEqual(MAP);
        expect(store.chunk(chunk.chunk)).toEqual(chunk);
        expect(store.chunk("0123456789abcdef-1")).toBeUndefined();
        expect(store.usage().bytes).toBeGreaterThanOrEqual(4096);
        await store.commit(writes({ droppedChunks: [chunk.chunk, "0123456789abcdef-1"] }));
        expect(store.chunk(chunk.chunk)).toBeUndefined();
      }));

    test("any run of commits leaves what a naive model says, before and after a restart", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(commitArbitrary, { maxLength: 25 }), (commits) =>
          using(async ({ store, reopen }) => {
            const model: ModelRow[] = [];
            for (const commit of commits) {
              const concrete = concretely(commit, model);
              await store.commit(concrete.commit);
              for (const { path, ballot } of concrete.chosen) store.choose(path, ballot);
              applyToModel(model, concrete.commit, concrete.chosen);
              compare(store, model);
            }
            if (reopen !== undefined) compare(reopen(), model);
          }),
        ),
        { numRuns: 60 },
      );
    });
  });
}

const text = (content: Uint8Array | null | undefined) => content && Buffer.from(content).toString();

// ------------------------------------------------------------------------------------------------------- the model

/** Every accept ever made, in order, with what became of it. */
type ModelRow = AcceptWrite & { readonly sequence: number; readonly gone: boolean };

const PATHS = ["/a", "/b/ü", "/b/c"];
const RANDOMS = ["r1", "r2", "r3", "r4"];

interface AbstractCommit {
  readonly accepts: readonly { path: string; random: string; content: string | null; raise: number; chosen: boolean }[];
  readonly chosen: readonly { path: string; lower: number }[];
  readonly trims: readonly { path: string; lower: number; keep: readonly string[] }[];
}

const pathArbitrary = fc.constantFrom(...PATHS);
const commitArbitrary: fc.Arbitrary<AbstractCommit> = fc.record({
  accepts: fc.array(
    fc.record({
      path: pathArbitrary,
      random: fc.constantFrom(...RANDOMS),
      content: fc.option(fc.string({ maxLength: 6000 }), { nil: null }),
      raise: fc.nat(2),
      chosen: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  chosen: fc.array(fc.record({ path: pathArbitrary, lower: fc.nat(1) }), { maxLength: 2 }),
  trims: fc.array(fc.record({ path: pathArbitrary, lower: fc.nat(2), keep: fc.subarray(RANDOMS) }), { maxLength: 2 }),
});

const newestOf = (model: readonly ModelRow[], path: string) => model.findLast((row) => row.path === path && !row.gone);

/** Ballots of a path never fall: each accept is at the path's highest or a little above. */
function concretely(commit: AbstractCommit, model: readonly ModelRow[]): { commit: NodeWrites; chosen: readonly Chosen[] } {
  const highest = new Map(PATHS.map((path) => [path, newestOf(model, path)?.ballot.counter ?? 1]));
  const accepts = commit.accepts.map(({ path, random, content, raise, chosen }) => {
    const counter = (highest.get(path) ?? 1) + raise;
    highest.set(path, counter);
    return acceptOf(path, counter, { random, content: content === null ? null : bytes(content), chosen });
  });
  const at = (path: string, lower: number): Chosen => ({ path, ballot: ballotOf(Math.max(1, (highest.get(path) ?? 1) - lower)) });
  const trims = commit.trims.map(({ path, lower, keep }) => ({ ...at(path, lower), keep }));
  return { commit: writes({ accepts, trims }), chosen: commit.chosen.map(({ path, lower }) => at(path, lower)) };
}

function applyToModel(model: ModelRow[], { accepts, trims }: NodeWrites, chosen: readonly Chosen[]): void {
  const change = (row: ModelRow, some: Partial<ModelRow>) => {
    model[model.indexOf(row)] = { ...row, ...some };
  };
  for (const accept of accepts) {
    const twin = model.find((row) => row.path === accept.path && row.random === accept.random && !row.gone);
    const before = newestOf(model, accept.path);
    const known = before?.chosen === true && sameBallot(before.ballot, accept.ballot);
    if (twin !== undefined) change(twin, { gone: true });
    const content = accept.content ?? twin?.content ?? null;
    model.push({ ...accept, content, chosen: accept.chosen || known, sequence: model.length + 1, gone: false });
  }
  for (const trim of trims) for (const row of dropped(model, trim)) change(row, { gone: true });
  for (const { path, ballot } of chosen) {
    const newest = newestOf(model, path);
    if (newest !== undefined && sameBallot(newest.ballot, ballot)) change(newest, { chosen: true });
  }
}

function dropped(model: readonly ModelRow[], { path, ballot, keep }: Trim): ModelRow[] {
  const older = model.filter(
    (row) => row.path === path && row !== newestOf(model, path) && compareBallots(row.ballot, ballot) < 0,
  );
  return older.filter((row) => !keep.includes(row.random));
}

const shown = (row: { sequence: number; ballot: Ballot; head: Uint8Array; chosen: boolean } | undefined) =>
  row && [row.sequence, row.ballot, text(row.head), row.chosen];

function compare(store: NodeStore, model: readonly ModelRow[]): void {
  for (const path of PATHS) {
    const newest = newestOf(model, path);
    expect(shown(store.register(path))).toEqual(shown(newest));
    expect(shown(store.current(path))).toEqual(shown(newest));
    expect(text(store.current(path)?.content)).toEqual(newest && text(newest.content));
    for (const random of RANDOMS) {
      const row = model.find((candidate) => candidate.path === path && candidate.random === random && !candidate.gone);
      expect(text(store.content(path, random)) ?? null).toEqual(text(row?.content) ?? null);
    }
  }
  const newest = PATHS.map((path) => newestOf(model, path)).filter((row) => row !== undefined);
  expect(store.sequence).toBe(model.length);
  expect(store.usage().files).toBe(newest.length);
  const changes = store.changesAfter(Math.floor(model.length / 2), 2).map((change) => [change.path, ...(shown(change) ?? [])]);
  const expected = newest.filter((row) => row.sequence > Math.floor(model.length / 2)).sort((a, b) => a.sequence - b.sequence);
  expect(changes).toEqual(expected.slice(0, 2).map((row) => [row.path, ...(shown(row) ?? [])]));
}
