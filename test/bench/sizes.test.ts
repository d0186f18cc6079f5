import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/base/errors.ts";
import { MIXED, maxBytesOf, meanBytesOf, minBytesOf, parseSizes, type Sizes, sizeAt } from "../../src/bench/sizes.ts";
import { contentBlock, Values } from "../../src/bench/values.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

const KIB = 1024;
const MIXES: Sizes = { kind: "mixed" };

describe("sizes", () => {
  test("are one, a range or the mix", () => {
    expect(parseSizes("4KiB")).toEqual({ kind: "fixed", bytes: 4 * KIB });
    expect(parseSizes("4KiB-64KiB")).toEqual({ kind: "range", minBytes: 4 * KIB, maxBytes: 64 * KIB });
    expect(parseSizes("mixed")).toEqual(MIXES);
  });

  test.each(["", "-", "0", "0-4KiB", "8KiB-4KiB", "-4KiB", "4KiB-", "1-2-3", "1TiB", "1-1TiB", "mixd"])(
    "are refused as %p",
    (text) => {
      let code: unknown;
      try {
        parseSizes(text);
      } catch (error) {
        code = codeOf(error);
      }
      expect(code).toBe("BAD_USAGE");
    },
  );

  test("of a range reach both of its ends, and none is likelier", () => {
    const range: Sizes = { kind: "range", minBytes: 10, maxBytes: 19 };
    const counts = new Map<number, number>();
    for (let i = 0; i < 1000; i++) {
      const size = sizeAt(range, i / 1000);
      counts.set(size, (counts.get(size) ?? 0) + 1);
    }
    expect([...counts]).toEqual(Array.from({ length: 10 }, (_, i) => [10 + i, 100]));
    expect([minBytesOf(range), meanBytesOf(range), maxBytesOf(range)]).toEqual([10, 15, 19]);
  });

  test("of the mix have the shares, the median and the mean that are documented", () => {
    const drawn = Array.from({ length: 100_000 }, (_, i) => sizeAt(MIXES, (i + 0.5) / 100_000));
    expect(MIXED.reduce((sum, { share }) => sum + share, 0)).toBe(100);
    for (const { share, minBytes, maxBytes } of MIXED) {
      const within = drawn.filter((size) => size >= minBytes && size < maxBytes).length;
      expect(Math.abs(within / 1000 - share)).toBeLessThan(0.2);
    }
    const sorted = drawn.toSorted((a, b) => a - b);
    expect((sorted[50_000] ?? 0) / KIB).toBeCloseTo(4.4, 1);
    const mean = drawn.reduce((sum, size) => sum + size, 0) / drawn.length;
    expect(Math.abs(mean / meanBytesOf(MIXES) - 1)).toBeLessThan(0.01);
    expect(Math.round(meanBytesOf(MIXES) / KIB)).toBe(164);
  });
});

describe("contents of many sizes", () => {
  const block = contentBlock(seededRandom(1));

  test.each([MIXES, { kind: "range", minBytes: 8, maxBytes: 9000 } as const])(
    "of %p are as long as their put's number says",
    (sizes) => {
      const [values, reader] = [new Values(sizes, block), new Values(sizes, block)];
      const contents = Array.from({ length: 200 }, () => values.next());
      expect(new Set(contents.map(({ byteLength }) => byteLength)).size).toBeGreaterThan(150);
      expect(new Set(contents.map((content) => reader.idOf(content))).size).toBe(200);
      for (const content of contents) {
        expect(reader.idOf(content)).not.toStartWith("damaged:");
        // What is cut off at the end of a block has nothing else that is wrong with it.
        for (const cut of [content.byteLength - 1, content.byteLength & ~4095]) {
          if (cut >= 8 && cut < content.byteLength) expect(reader.idOf(content.subarray(0, cut))).toStartWith("damaged:");
        }
      }
    },
  );

  test("from several processes of one run are told apart, and known to each other", () => {
    const shares = [0, 1, 2].map((index) => new Values(MIXES, block, { index, of: 3 }));
    const ids = shares.flatMap((values) => Array.from({ length: 50 }, () => shares[0]?.idOf(values.next())));
    expect(new Set(ids).size).toBe(150);
    expect(ids.filter((id) => id?.startsWith("damaged:"))).toEqual([]);
  });
});
