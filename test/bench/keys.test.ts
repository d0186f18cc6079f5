import { describe, expect, test } from "bun:test";
import { drawerOf, ZIPFIAN_THETA, zeta } from "../../src/bench/keys.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

const DRAWS = 200_000;

function countsOf(draw: () => number, files: number): number[] {
  const counts = new Array<number>(files).fill(0);
  for (let i = 0; i < DRAWS; i++) {
    const drawn = draw();
    expect(Number.isInteger(drawn) && drawn >= 0 && drawn < files).toBe(true);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  return counts;
}

describe("uniform keys", () => {
  test("draw every file about as often", () => {
    for (const count of countsOf(drawerOf("uniform", 50, seededRandom(1)), 50)) {
      expect(Math.abs(count / (DRAWS / 50) - 1)).toBeLessThan(0.1);
    }
  });
});

describe("zipfian keys", () => {
  test("draw file k in proportion to 1 / (k + 1)^0.99", () => {
    const files = 1000;
    const counts = countsOf(drawerOf("zipfian", files, seededRandom(2)), files);
    const expected = (k: number) => (DRAWS * (k + 1) ** -ZIPFIAN_THETA) / zeta(files, ZIPFIAN_THETA);
    // The two most popular files exactly, the others by Gray's approximation: taken together they are right.
    for (const k of [0, 1]) expect(Math.abs((counts[k] ?? 0) / expected(k) - 1)).toBeLessThan(0.03);
    for (const [from, to] of [
      [2, 10],
      [10, 100],
      [100, 1000],
    ] as const) {
      const drawn = counts.slice(from, to).reduce((sum, count) => sum + count, 0);
      const due = Array.from({ length: to - from }, (_, k) => expected(from + k)).reduce((sum, count) => sum + count, 0);
      expect(Math.abs(drawn / due - 1)).toBeLessThan(0.12);
    }
  });

  test("stay within one or two files", () => {
    expect(countsOf(drawerOf("zipfian", 1, seededRandom(3)), 1)).toEqual([DRAWS]);
    const [first = 0, second = 0] = countsOf(drawerOf("zipfian", 2, seededRandom(3)), 2);
    expect(first / second).toBeCloseTo(2 ** ZIPFIAN_THETA, 1);
  });

  test("sum their weights as exactly for ten million files as one by one", () => {
    let exact = 0;
    for (let k = 1; k <= 1_000_000; k++) exact += k ** -ZIPFIAN_THETA;
    expect(Math.abs(zeta(1_000_000, ZIPFIAN_THETA) / exact - 1)).toBeLessThan(1e-10);
  });
});

describe("sequential keys", () => {
  test("go through all files in order, and again", () => {
    const draw = drawerOf("sequential", 4, seededRandom(1));
    expect(Array.from({ length: 9 }, draw)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0]);
  });

  test("of several processes go through all files together", () => {
    const draws = [0, 1, 2].map((index) => drawerOf("sequential", 10, seededRandom(index), { index, of: 3 }));
    const drawn = Array.from({ length: 10 }, (_, turn) => draws[turn % 3]?.());
    expect(drawn).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
