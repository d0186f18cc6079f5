/** What every NodeStore does; SQLite and memory pass the same suite. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PARTITIONS } from "../../src/limits.ts";
import { type AcceptWrite, BEFORE_ALL_ROWS, type NodeStore, type NodeWrites, type Trim } from "../../src/ports.ts";
import { ABSENT, compareBallots, sameBallot } from "../../src/register/ballot.ts";
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
  policy: {
    n: 3,
    w: 2,
    r: 2,
    name: "majority",
    chunkSizeBytes: 4,
    inlineLimitBytes: 2,
    keepVersions: 1,
    tombstoneGraceMs: 0,
    orphanAgeMs: 0,
  },
  nodes: [{ number: 1, grpc: "a:1", http: "a:2", zone: "z", weight: 1, state: 0, diskId: "d1" }],
  partitions: Array.from({ length: PARTITIONS }, (_, index) => ({ number: index + 1, sets: [{ nodes: [1], w: 1, r: 1 }] })),
  supernodes: ["s:1"],
  waitingFor: "",
  nextNode: 4,
};

/** Runs something with a store of its own. */
export function usingStore(open: () => OpenNodeStore): (run: (opened: OpenNodeStore) => Promise<void>) => Promise<void> {
  return async (run) => {
    const opened = open();
    try {
      await run(opened);
    } finally {
      opened.dispose();
    }
  };
}

export function nodeStoreConformance(name: string, open: () => OpenNodeStore): void {
  const using = usingStore(open);

  describe(`${name} as a node store`, () => {
    test("an empty store holds nothing and begins at sequence 0", () =>
      using(async ({ store }) => {
        expect(store.register("/a")).toBeUndefined();
        expect(store.current("/a")).toBeUndefined();
        expect(store.content("/a", "op-1")).toBeUndefined();
        expect([store.sequence, store.ceiling(), store.cursor("d")]).toEqual([0, 0, 0]);
        expect(store.map()).toBeUndefined();
        expect(store.followed()).toBeUndefined();
        expect(store.changesAfter(0, 10)).toEqual([]);
      }));

    test("what is held of a file is its accepted value and the operations whose bytes are here", () =>
      using(async ({ store }) => {
        expect(store.held("/a")).toBeUndefined();
        await store.commit(writes({ accepts: [acceptOf("/a", 5), acceptOf("/b", 6, { content: null })] }));
        await store.commit(
          writes({ accepts: [acceptOf("/a", 7, { content: bytes("") }), acceptOf("/a", 8, { content: null })] }),
        );
        const held = store.held("/a");
        expect(held).toMatchObject({ path: "/a", sequence: 4, ballot: ballotOf(8), chosen: false });
        expect(held?.head).toEqual(Buffer.from("head of op-8"));
        expect([...(held?.contents ?? [])].sort()).toEqual(["op-5", "op-7"]);
        expect(store.held("/b")?.contents).toEqual([]);
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

    test("rows are walked in the order of acceptance, and say which is the accepted value", () =>
      using(async ({ store }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 1, { random: "x" }), acceptOf("/b", 2)] }));
        await store.commit(writes({ accepts: [acceptOf("/a", 3, { random: "y" })] }));
        const all = store.rowsAfter(BEFORE_ALL_ROWS, store.sequence, 10);
        expect(all.map(({ sequence, path, random }) => [sequence, path, random])).toEqual([
          [1, "/a", "x"],
          [2, "/b", "op-2"],
          [3, "/a", "y"],
        ]);
        expect(all.map(({ held }) => held && [...held].sort())).toEqual([undefined, ["op-2"], ["x", "y"]]);
        expect(all.map(({ content }) => text(content))).toEqual(["bytes of x", "bytes of op-2", "bytes of y"]);
        expect(store.rowsAfter(1, 2, 10).map(({ sequence }) => sequence)).toEqual([2]);
        expect(store.rowsAfter(BEFORE_ALL_ROWS, 3, 2).map(({ sequence }) => sequence)).toEqual([1, 2]);
        expect(
          store
            .rowsOf("/a")
            .map(({ random }) => random)
            .sort(),
        ).toEqual(["x", "y"]);
        expect(store.rowsOf("/none")).toEqual([]);
      }));

    test("mended bytes take the place of bad and of missing ones, change no register and no log, and go with their version", () =>
      using(async ({ store, reopen }) => {
        const none = { content: null };
        await store.commit(writes({ accepts: [acceptOf("/a", 1, { random: "x" })] }));
        await store.commit(writes({ accepts: [acceptOf("/a", 2, { random: "y", ...none })] }));
        const before = { register: store.register("/a"), sequence: store.sequence, changes: store.changesAfter(0, 10) };
        const mended = (random: string) => ({
          path: "/a",
          random,
          head: bytes(`alone ${random}`),
          content: bytes(`good ${random}`),
        });
        await store.commit(writes({ contents: [mended("x"), mended("y"), mended("old")] }));
        const check = (open: NodeStore) => {
          expect(["x", "y", "old"].map((random) => text(open.content("/a", random)))).toEqual(["good x", "good y", "good old"]);
          expect(text(open.current("/a")?.content)).toBe("good y");
          expect(open.register("/a")).toMatchObject({ sequence: 2, ballot: ballotOf(2) });
          expect(open.register("/a")?.head).toEqual(Buffer.from("head of y"));
          expect(open.sequence).toBe(before.sequence);
          expect(open.changesAfter(0, 10).map(({ sequence }) => sequence)).toEqual([2]);
          const rows = open.rowsAfter(BEFORE_ALL_ROWS, open.sequence, 10);
          expect(rows.map(({ random, head }) => [random, text(head)])).toEqual([
            ["old", "alone old"],
            ["x", "alone x"],
            ["y", "head of y"],
          ]);
          expect(open.usage().files).toBe(1);
        };
        check(store);
        const again = reopen?.() ?? store;
        check(again);
        await again.commit(writes({ accepts: [acceptOf("/a", 3, { random: "z" })] }));
        const trim: Trim = { path: "/a", ballot: ballotOf(3), keep: ["z", "y"] };
        await again.commit(writes({ trims: [trim] }));
        expect(["x", "old", "y", "z"].map((random) => again.content("/a", random) !== undefined)).toEqual([
          false,
          false,
          true,
          true,
        ]);
      }));

    test("chunks are walked by id, and the scrub's place is kept", () =>
      using(async ({ store, reopen }) => {
        const chunk = (id: string) => ({ chunk: id, owner: "/a", sizeBytes: 1, checksum: "xxh3:0" });
        expect(store.scrub()).toBeUndefined();
        await store.commit(writes({ chunks: [chunk("b-0"), chunk("a-1"), chunk("a-0")], scrub: "here" }));
        const again = reopen?.() ?? store;
        expect(again.chunksAfter("", 2).map((row) => row.chunk)).toEqual(["a-0", "a-1"]);
        expect(again.chunksAfter("a-1", 9)).toEqual([chunk("b-0")]);
        expect(again.scrub()).toBe("here");
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

    test("whom a node follows is kept, and what comes later takes its place", () =>
      using(async ({ store, reopen }) => {
        await store.commit(writes({ followed: { generation: 2, life: "one", supernode: "h:1" } }));
        const followed = { generation: 3, life: "two", supernode: "[::1]:7000" };
        await store.commit(writes({ followed }));
        await store.commit(writes({ ceiling: 5 }));
        expect(store.followed()).toEqual(followed);
        if (reopen !== undefined) expect(reopen().followed()).toEqual(followed);
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

    test("files and chunks come page by page, in the order of their UTF-8 bytes", () =>
      using(async ({ store }) => {
        const paths = ["/\u{1f600}", "/\uff5e", "/a", "/b", "/c"]; // as UTF-16 units the first would come before the second
        const chunks = ["b-0", "a-10", "a-2"].map((chunk) => ({ chunk, owner: "/a", sizeBytes: 1, checksum: "" }));
        const accepts = paths.map((path, i) => acceptOf(path, i + 1));
        await store.commit(writes({ accepts: [...accepts, acceptOf("/b", 9)], chunks }));
        const all: string[] = [];
        for (let page = store.pathsAfter("", 2); page.length > 0; page = store.pathsAfter(all.at(-1) ?? "", 2)) all.push(...page);
        expect(all).toEqual(["/a", "/b", "/c", "/\uff5e", "/\u{1f600}"]);
        expect(store.pathsAfter("/a", 2)).toEqual(["/b", "/c"]); // no longer than asked for, however young the files are
        expect(store.chunksAfter("a-10", 1)).toEqual([{ chunk: "a-2", owner: "/a", sizeBytes: 1, checksum: "" }]);
        expect(store.chunksAfter("", 10).map(({ chunk }) => chunk)).toEqual(["a-10", "a-2", "b-0"]);
      }));

    test("sequences go on after everything was dropped, also after a restart", () =>
      using(async ({ store, reopen }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 1), acceptOf("/b", 2)] }));
        await store.commit(writes({ dropped: ["/a", "/b"] }));
        expect([store.sequence, store.usage().files]).toEqual([2, 0]);
        expect([store.register("/a"), store.content("/b", "op-2")]).toEqual([undefined, undefined]);
        const again = reopen?.() ?? store;
        expect([again.sequence, again.usage().files, again.changesAfter(0, 10)]).toEqual([2, 0, []]);
        await again.commit(writes({ accepts: [acceptOf("/a", 3)] }));
        expect(again.changesAfter(0, 10)).toMatchObject([{ path: "/a", sequence: 3 }]);
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
  readonly contents: readonly { path: string; random: string; content: string }[];
  readonly dropped: readonly string[];
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
  contents: fc.array(
    fc.record({ path: pathArbitrary, random: fc.constantFrom(...RANDOMS), content: fc.string({ maxLength: 6000 }) }),
    { maxLength: 2 },
  ),
  dropped: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(PATHS) }),
});

const lastOf = (model: readonly ModelRow[]) => Math.max(0, ...model.map(({ sequence }) => sequence));

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
  const held = ({ path }: { readonly path: string }) =>
    accepts.some((accept) => accept.path === path) || (newestOf(model, path) !== undefined && !commit.dropped.includes(path));
  const contents = commit.contents
    .filter(held)
    .map((write) => ({ ...write, head: bytes("alone"), content: bytes(write.content) }));
  return {
    commit: writes({ dropped: commit.dropped, accepts, contents, trims }),
    chosen: commit.chosen.map(({ path, lower }) => at(path, lower)),
  };
}

function applyToModel(
  model: ModelRow[],
  { dropped: goes = [], accepts, contents = [], trims }: NodeWrites,
  chosen: readonly Chosen[],
): void {
  const change = (row: ModelRow, some: Partial<ModelRow>) => {
    model[model.indexOf(row)] = { ...row, ...some };
  };
  for (const row of model.filter(({ path, gone }) => goes.includes(path) && !gone)) change(row, { gone: true });
  for (const accept of accepts) {
    const twin = model.find((row) => row.path === accept.path && row.random === accept.random && !row.gone);
    const before = newestOf(model, accept.path);
    const known = before?.chosen === true && sameBallot(before.ballot, accept.ballot);
    if (twin !== undefined) change(twin, { gone: true });
    const content = accept.content ?? twin?.content ?? null;
    model.push({ ...accept, content, chosen: accept.chosen || known, sequence: lastOf(model) + 1, gone: false });
  }
  for (const { path, random, head, content } of contents) {
    if (newestOf(model, path) === undefined) continue;
    const twin = model.find((row) => row.path === path && row.random === random && !row.gone);
    if (twin !== undefined) change(twin, { content });
    else model.unshift({ path, ballot: ABSENT, random, head, content, chosen: false, sequence: -1, gone: false });
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

function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
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
  expect(store.sequence).toBe(lastOf(model));
  expect(store.usage().files).toBe(newest.length);
  expect(store.pathsAfter("", 10)).toEqual(PATHS.filter((path) => newestOf(model, path) !== undefined).sort(byUtf8));
  const changes = store.changesAfter(Math.floor(model.length / 2), 2).map((change) => [change.path, ...(shown(change) ?? [])]);
  const expected = newest.filter((row) => row.sequence > Math.floor(model.length / 2)).sort((a, b) => a.sequence - b.sequence);
  expect(changes).toEqual(expected.slice(0, 2).map((row) => [row.path, ...(shown(row) ?? [])]));
}
