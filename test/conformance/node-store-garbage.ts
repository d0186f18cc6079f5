/** What every NodeStore does about what is thrown away: erased files, chunks marked for deletion. */
import { describe, expect, test } from "bun:test";
import type { NodeStore } from "../../src/ports.ts";
import { ABSENT } from "../../src/register/ballot.ts";
import { acceptOf, type OpenNodeStore, usingStore, writes } from "./node-store.ts";

export function nodeStoreGarbageConformance(name: string, open: () => OpenNodeStore): void {
  const using = usingStore(open);

  describe(`${name} as a node store that forgets`, () => {
    test("erasing a file is an entry of the change log, until the file is written again, and survives a restart (P14, P19)", () =>
      using(async ({ store, reopen }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 1), acceptOf("/b", 2), acceptOf("/c", 3)] }));
        const floor = store.register("/b")?.ballot ?? ABSENT;
        const erasures = [{ partition: 7, floor, forgotten: 9 }];
        await store.commit(writes({ erased: [{ path: "/b", ballot: floor }], erasures }));
        expect([store.register("/b"), store.content("/b", "op-2"), store.usage().files]).toEqual([undefined, undefined, 2]);
        const check = (one: NodeStore): void => {
          expect(one.erasures()).toEqual(new Map([[7, { floor, forgotten: 9 }]]));
          const changes = one.changesAfter(0, 10).map(({ path, sequence, erased = false }) => [path, sequence, erased]);
          expect(changes).toEqual([
            ["/a", 1, false],
            ["/c", 3, false],
            ["/b", 4, true],
          ]);
          expect(one.changesAfter(1, 1).map(({ path }) => path)).toEqual(["/c"]);
          expect(one.changesAfter(3, 1)).toMatchObject([{ path: "/b", ballot: floor, erased: true }]);
          expect([one.pathsAfter("", 10), one.sequence]).toEqual([["/a", "/c"], 4]);
        };
        check(store);
        const again = reopen?.() ?? store;
        check(again);
        await again.commit(writes({ accepts: [acceptOf("/b", 5)] }));
        expect(again.changesAfter(3, 10)).toMatchObject([{ path: "/b", sequence: 5 }]);
        expect(again.changesAfter(3, 10)).toHaveLength(1);
      }));

    test("a file may be erased and written again in one commit", () =>
      using(async ({ store }) => {
        await store.commit(writes({ accepts: [acceptOf("/a", 1)] }));
        const ballot = store.register("/a")?.ballot ?? ABSENT;
        await store.commit(writes({ erased: [{ path: "/a", ballot }], accepts: [acceptOf("/a", 2)] }));
        expect([store.usage().files, store.changesAfter(0, 10).map(({ path, sequence }) => [path, sequence])]).toEqual([
          1,
          [["/a", 3]],
        ]);
      }));

    test("marks for deletion are kept until they are taken back or the chunk is gone (P22)", () =>
      using(async ({ store, reopen }) => {
        const chunks = ["a-0", "a-1", "a-2"].map((chunk) => ({ chunk, owner: "/a", sizeBytes: 1, checksum: "" }));
        await store.commit(writes({ chunks }));
        await store.commit(writes({ doomed: ["a-0", "a-1", "a-2"] }));
        await store.commit(writes({ spared: ["a-1"], droppedChunks: ["a-2"] }));
        const again = reopen?.() ?? store;
        expect([again.doomed(), again.chunk("a-0")?.owner, again.chunk("a-2")]).toEqual([["a-0"], "/a", undefined]);
      }));
  });
}
