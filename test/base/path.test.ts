import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { baseName, joinPath, parseDirectoryPath, parseFilePath, parseVersionedPath } from "../../src/base/path.ts";
import { compareUtf8 } from "../../src/base/utf8-order.ts";
import { refusalOf } from "../refusal.ts";

describe("a path", () => {
  test.each([
    ["a", "/a"],
    ["/a/b c", "/a/b c"],
    ["/a@b", "/a@b"],
    ["/e\u0301", "/\u00e9"],
    ["/...", "/..."],
    ["/a/\u200d", "/a/\u200d"],
    ["/\ud83d\ude00", "/\ud83d\ude00"],
    [`/${"x".repeat(1023)}`, `/${"x".repeat(1023)}`],
  ])("%p is %p", (text, path) => {
    expect(parseFilePath(text)).toBe(path);
  });

  test.each([
    "",
    "/",
    "//",
    "/a//b",
    "/a/../b",
    "/.",
    "/a/./b",
    "/a\u0000",
    "/a\n",
    "/a\u007f",
    "/a\u0085b",
    "/a\u009b31m",
    "/\ufffd",
    "/\ud800",
    `/${"x".repeat(1024)}`,
    `/${"\u00e9".repeat(512)}`,
  ])("%p is refused", (text) => {
    expect(refusalOf(() => parseFilePath(text))).toBe("BAD_PATH");
  });

  test("takes the short way or the long one with the same end", () => {
    const character = fc.constantFrom("/", ".", "a", " ", "~", "-", "\u0000", "\u00e9", "e\u0301");
    const text = fc.array(character, { maxLength: 8 }).map((characters) => characters.join(""));
    fc.assert(
      fc.property(text, (drawn) => {
        const long = refusalOf(() => parseDirectoryPath(drawn)) ?? parseDirectoryPath(drawn);
        fc.pre(long !== "/");
        expect(refusalOf(() => parseFilePath(drawn)) ?? parseFilePath(drawn)).toBe(long);
      }),
      { numRuns: 3_000 },
    );
  });

  test("may be a directory's, and then the root's", () => {
    expect(["", "/", "/a/", "a"].map(parseDirectoryPath)).toEqual(["/", "/", "/a", "/a"]);
    expect(refusalOf(() => parseDirectoryPath("/a//"))).toBe("BAD_PATH");
  });

  test("may say a version", () => {
    expect(parseVersionedPath("/a@3")).toEqual({ path: "/a", version: 3 });
    expect(parseVersionedPath("/a@b")).toEqual({ path: "/a@b", version: 0 });
    expect(parseVersionedPath("/a@1@2")).toEqual({ path: "/a@1", version: 2 });
    expect([refusalOf(() => parseVersionedPath("/a@0")), refusalOf(() => parseVersionedPath("@3"))]).toEqual([
      "BAD_PATH",
      "BAD_PATH",
    ]);
  });

  test("is joined, taken apart, and compared in byte order", () => {
    expect([joinPath("/", "a"), joinPath("/a", "b/c"), baseName("/a/b")]).toEqual(["/a", "/a/b/c", "b"]);
    expect(refusalOf(() => joinPath("/a", "../b"))).toBe("BAD_PATH");
    // U+FF61 is above U+1F600's first UTF-16 unit, and below it in UTF-8.
    expect(compareUtf8("/\uff61", "/\ud83d\ude00")).toBeLessThan(0);
  });
});
