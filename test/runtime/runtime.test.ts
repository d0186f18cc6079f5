import { describe, expect, test } from "bun:test";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { lineLog, logLine } from "../../src/runtime/log.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

describe("the fake runtime", () => {
  test("runs timers in order of their moment, promises between them, and equal moments in order of their making", async () => {
    const runtime = new FakeRuntime();
    const { timers, clock } = runtime;
    const ran: string[] = [];
    const note = (name: string) => () => {
      ran.push(`${name}@${clock.monotonicMs()}`);
      void Promise.resolve().then(() => ran.push(`${name}'`));
    };
    timers.after(20, note("c"));
    timers.after(10, note("a"));
    timers.after(10, note("b"));
    const cancel = timers.after(15, note("cancelled"));
    timers.soon(note("soon"));
    cancel();
    runtime.advance(15);
    expect(ran).toEqual(["soon@0", "soon'", "a@10", "a'", "b@10", "b'"]);
    expect(clock.monotonicMs()).toBe(15);
    expect(runtime.waiting).toBe(1);
    expect(runtime.runUntilIdle()).toBe(5);
    expect(ran.slice(-2)).toEqual(["c@20", "c'"]);
  });

  test("keeps a thousand timers in order, whatever was cancelled", () => {
    const runtime = new FakeRuntime(5);
    const moments: number[] = [];
    for (let index = 0; index < 1000; index += 1) {
      const atMs = Math.floor(runtime.random.unit() * 100);
      const cancel = runtime.timers.after(atMs, () => void moments.push(atMs));
      if (index % 3 === 0) cancel();
    }
    runtime.runUntilIdle();
    expect(moments.length).toBe(666);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  });

  test("settles a promise that waits for time, and complains about one that never settles", async () => {
    const runtime = new FakeRuntime();
    const slept = new Promise<string>((resolve) => void runtime.timers.after(1234, () => resolve("done")));
    expect(await runtime.until(slept)).toBe("done");
    expect(runtime.clock.monotonicMs()).toBe(1234);
    const never = runtime.until(new Promise(() => {}), 1000).catch((error) => error.message);
    expect(await never).toContain("settles within 1000 ms");
  });
});

describe("chance", () => {
  test("follows from the seed", () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return [random.unit(), random.unit(), random.hex(16)];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 40)).not.toEqual(draw(0));
  });

  test("is uniform enough, seeded and real", () => {
    for (const random of [seededRandom(1), realRuntime("quiet").random]) {
      const tenths = new Array(10).fill(0);
      for (let index = 0; index < 20_000; index += 1) tenths[Math.floor(random.unit() * 10)] += 1;
      for (const count of tenths) expect(count).toBeWithin(1700, 2300);
      expect(random.hex(16)).toMatch(/^[0-9a-f]{16}$/);
      expect(random.hex(5)).toMatch(/^[0-9a-f]{5}$/);
    }
  });
});

describe("the log", () => {
  test("is one line an entry, whatever is logged", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    const line = logLine(0, "warn", "two\nlines", {
      plain: "x",
      spaced: "a b",
      error: new Error("why"),
      loop,
      n: 1,
      none: undefined,
    });
    expect(line).toBe('00:00:00.000 warn  two lines plain=x spaced="a b" error="why" loop=(unprintable) n=1 none=undefined');
  });

  test("shows its level and above, and outlives a writer that fails", () => {
    const lines: string[] = [];
    const log = lineLog(
      "info",
      () => 0,
      (line) => void lines.push(line),
    );
    log.debug("no");
    log.info("yes");
    log.warn("also");
    expect(lines.map((line) => line.slice(13))).toEqual(["info  yes", "warn  also"]);
    const failing = lineLog(
      "debug",
      () => Number.NaN,
      () => {
        throw new Error("closed");
      },
    );
    failing.warn("lost");
  });
});
