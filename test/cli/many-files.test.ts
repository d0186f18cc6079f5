import { describe, expect, test } from "bun:test";
import { AssertionFailed, QdfsError } from "../../src/base/errors.ts";
import { asFailure, worseOf } from "../../src/cli/failure.ts";
import { parseRange } from "../../src/cli/options.ts";
import { isoTime, table } from "../../src/cli/output.ts";
import { inParallel } from "../../src/cli/parallel.ts";
import { parseTarget, segmentsBelow } from "../../src/cli/targets.ts";

async function* numbers(count: number): AsyncIterable<number> {
  for (let index = 0; index < count; index++) yield index;
}

describe("many files at a time", () => {
  test("stay within both bounds, and all are done", async () => {
    let running = 0;
    let weight = 0;
    let most = 0;
    let heaviest = 0;
    let done = 0;
    const weigh = (item: number) => item % 7;
    await inParallel(numbers(200), { count: 5, weight: 12 }, weigh, async (item) => {
      running += 1;
      weight += weigh(item);
      most = Math.max(most, running);
      heaviest = Math.max(heaviest, weight);
      await Bun.sleep(item % 3);
      running -= 1;
      weight -= weigh(item);
      done += 1;
    });
    expect(done).toBe(200);
    expect(most).toBe(5);
    expect(heaviest).toBeLessThanOrEqual(12);
  });

  test("an item heavier than the bound runs alone", async () => {
    let running = 0;
    await inParallel(
      numbers(5),
      { count: 5, weight: 10 },
      () => 1000,
      async () => {
        running += 1;
        expect(running).toBe(1);
        await Bun.sleep(1);
        running -= 1;
      },
    );
  });

  test("a rejection ends it, once the running ones have ended", async () => {
    let ended = 0;
    const work = inParallel(
      numbers(100),
      { count: 4, weight: 100 },
      () => 0,
      async (item) => {
        await Bun.sleep(item === 0 ? 1 : 5);
        ended += 1;
        if (item === 0) throw new AssertionFailed("broken");
      },
    );
    expect(work).rejects.toThrow("broken");
    await work.catch(() => {});
    expect(ended).toBe(4);
  });
});

test("of several failures the worst decides the exit code; the first of equals stays", () => {
  const missing = new QdfsError("NOT_FOUND", "1");
  const corrupt = new QdfsError("CORRUPT", "2");
  const unknown = new QdfsError("OUTCOME_UNKNOWN", "3");
  expect([missing, unknown, corrupt, missing].reduce((worst, next) => worseOf(worst, next))).toBe(corrupt);
  expect(worseOf(missing, new QdfsError("NOT_FOUND", "4"))).toBe(missing);
  expect(asFailure(new TypeError("oops")).code).toBe("BUG");
});

describe("targets", () => {
  test("a trailing / means a directory", () => {
    expect(parseTarget("/a/b/")).toEqual({ path: "/a/b", directory: true });
    expect(parseTarget("a/b")).toEqual({ path: "/a/b", directory: false });
    expect(parseTarget("/")).toEqual({ path: "/", directory: true });
    expect(() => parseTarget("")).toThrow("it names no file");
  });

  test("a listed path becomes segments below its directory, and nothing else does", () => {
    expect(segmentsBelow("/a", "/a/b/c")).toEqual(["b", "c"]);
    expect(segmentsBelow("/", "/a")).toEqual(["a"]);
    expect(segmentsBelow("/a/b", "/a/b")).toEqual(["b"]);
    for (const path of ["/ab/c", "/a/../../etc/passwd", "/b", "a/b"]) expect(() => segmentsBelow("/a", path)).toThrow();
  });
});

test("ranges count from 0 and include both ends", () => {
  expect(parseRange("8-8")).toEqual({ start: 8, end: 8 });
  expect(parseRange("5-")).toEqual({ start: 5, end: Number.MAX_SAFE_INTEGER });
  for (const text of ["", "-", "-5", "5", "9-8", "a-b", "1-2-3"]) expect(() => parseRange(text)).toThrow();
});

test("tables line up, whatever the script", () => {
  const rows = [
    { name: "日本", size: "1" },
    { name: "a", size: "100" },
  ];
  const text = table(rows, [
    { title: "name", cell: ({ name }) => name },
    { title: "size", cell: ({ size }) => size, right: true },
  ]);
  expect(text).toBe("name  size\n日本     1\na      100");
});

test("times are ISO 8601, and never is null", () => {
  expect(isoTime(1_700_000_000_123)).toBe("2023-11-14T22:13:20.123Z");
  expect(isoTime(0)).toBeNull();
});
