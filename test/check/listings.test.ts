import { describe, expect, test } from "bun:test";
import type { RecordedListing, RecordedOperation } from "../../src/check/history.ts";
import { checkListings } from "../../src/check/listings.ts";
import { failedPut, ls, put, restore, rm, unknownPut, unknownRm } from "./write.ts";

function ok(history: RecordedOperation[], ...listings: RecordedListing[]): void {
  expect(checkListings(history, listings)).toMatchObject({ verdict: "ok", violations: [] });
}

function violated(history: RecordedOperation[], listing: RecordedListing, contradiction: string): void {
  const verdict = checkListings(history, [listing]);
  expect(verdict.violations.map((violation) => violation.contradiction)).toEqual([contradiction]);
  expect(verdict.verdict).toBe("violated");
}

describe("a put that had returned before a listing began", () => {
  test("is in it, at that version or a later one", () => {
    const history = [put(0, 1, 1, "a"), put(5, 30, 2, "b")];
    ok(history, ls(2, 3, [1]), ls(6, 20, [1]), ls(6, 20, [2]), ls(40, 50, [2]));
    violated(history, ls(2, 3, []), "a listing lacks a file whose put had returned before it began");
    violated(history, ls(40, 50, [1]), "a listing shows version 1; version 2 had returned before it began");
  });

  test("may be missing while a removal is under way or of unknown outcome", () => {
    ok([put(0, 1, 1, "a"), rm(5, 30, 2)], ls(6, 20, []), ls(6, 20, [1]), ls(2, 5, []));
    ok([put(0, 1, 1, "a"), unknownRm(2)], ls(100, 101, []), ls(100, 101, [1]));
    violated([put(0, 1, 1, "a"), rm(50, 60, 2)], ls(6, 20, []), "a listing lacks a file whose put had returned before it began");
  });

  test("is in it although an earlier version was removed", () => {
    const history = [put(0, 1, 1, "a"), rm(5, 30, 2), put(6, 20, 3, "b")];
    violated(history, ls(25, 28, []), "a listing lacks a file whose put had returned before it began");
  });

  test("may be missing where the listing says so, or is eventual, or of another directory", () => {
    const history = [put(0, 1, 1, "a")];
    ok(history, ls(2, 3, [], { complete: false }), ls(2, 3, [], { guarantee: "eventual" }), ls(2, 3, [], { path: "/d/f" }));
    violated(history, ls(2, 3, [], { path: "/" }), "a listing lacks a file whose put had returned before it began");
  });
});

describe("a removal that had returned before a listing began", () => {
  test("is followed by no listing of the file, unless it was written again", () => {
    const history = [put(0, 1, 1, "a"), rm(2, 3, 2)];
    ok(history, ls(5, 6, []));
    violated(history, ls(5, 6, [1]), "a listing shows version 1 of a file whose removal had returned before it began");
    ok([...history, put(4, 10, 3, "b")], ls(5, 6, [3]), ls(5, 6, []));
    ok([...history, restore(4, 10, 3, 1)], ls(5, 6, [3]));
    ok([...history, unknownPut(4, "b")], ls(5, 6, [3]), ls(5, 6, []));
  });

  test("is told by time where tombstones may have been erased", () => {
    const judged = (history: RecordedOperation[], listing: RecordedListing) =>
      checkListings(history, [listing], { tombstonesErased: true }).verdict;
    const history = [put(0, 1, 1, "a"), rm(2, 3, 2), put(10, 20, 1, "b")];
    expect(judged(history, ls(15, 16, [1]))).toBe("ok");
    expect(judged(history, ls(15, 16, []))).toBe("ok");
    expect(judged(history, ls(25, 26, []))).toBe("violated");
    expect(judged(history, ls(5, 6, [1]))).toBe("violated");
  });
});

describe("a listing", () => {
  test("shows nothing that nobody made", () => {
    const stranger = ls(2, 3, [], { entries: [{ path: "/d/other", version: 1 }] });
    violated([], stranger, "a listing shows a file that nobody wrote");
    violated([put(0, 1, 1, "a")], ls(2, 3, [2]), "a listing shows version 2, which nobody had made");
    violated([put(5, 6, 1, "a")], ls(2, 3, [1]), "a listing shows version 1, which nobody had made");
    violated([failedPut(0, 1, "a")], ls(2, 3, [1], { complete: false }), "a listing shows version 1, which nobody had made");
    violated([put(0, 1, 1, "a"), rm(5, 9, 2)], ls(6, 8, [2]), "a listing shows version 2, which nobody had made");
    ok([unknownPut(0, "a")], ls(2, 3, [1]), ls(2, 3, []));
  });

  test("that is wrong is shown with its entry of the file and what contradicts it", () => {
    const other = put(0, 1, 1, "x", { path: "/d/g" });
    const history = [put(0, 1, 1, "a"), put(2, 3, 2, "b"), other];
    const listing = ls(5, 6, [1]);
    const both = { ...listing, entries: [...listing.entries, { path: "/d/g", version: 1 }] };
    expect(checkListings(history, [both]).violations[0]?.operations).toEqual([put(2, 3, 2, "b"), listing]);
  });
});
