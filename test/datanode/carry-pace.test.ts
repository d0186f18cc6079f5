import { expect, test } from "bun:test";
import { CarryPace } from "../../src/datanode/carry-pace.ts";
import { CARRY_FILES_PER_SEC, CARRY_SHARE_FIRST, CARRY_SHARE_MIN } from "../../src/limits.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";

/** Carries files, one after the other, whose settles take so long; how many were carried in that time. */
async function carry(runtime: FakeRuntime, pace: CarryPace, spanMs: number, settleMs: () => number): Promise<number> {
  let files = 0;
  let stopped = false;
  const working = (async () => {
    while (!stopped) {
      await pace.file();
      await pace.settling(() => new Promise<void>((resolve) => runtime.timers.after(settleMs(), resolve)));
      files += 1;
    }
  })();
  runtime.advance(spanMs);
  stopped = true;
  runtime.advance(1_000);
  await working;
  return files;
}

test("a mover begins slowly, and is as fast as the limit allows when nobody feels it", async () => {
  const runtime = new FakeRuntime();
  const pace = new CarryPace(runtime);
  expect(await carry(runtime, pace, 1_000, () => 0.1)).toBeLessThan(3 * CARRY_SHARE_FIRST * CARRY_FILES_PER_SEC);
  await carry(runtime, pace, 20_000, () => 0.1);
  expect(pace.share).toBe(1);
});

test("settles that take more than twice as long slow a mover down to the least, and it recovers after them", async () => {
  const runtime = new FakeRuntime();
  const pace = new CarryPace(runtime);
  await carry(runtime, pace, 10_000, () => 2);
  const before = pace.share;
  await carry(runtime, pace, 15_000, () => 5);
  expect(pace.share).toBe(CARRY_SHARE_MIN);
  await carry(runtime, pace, 60_000, () => 2);
  expect(pace.share).toBeGreaterThan(before / 2);
});

test("one settle in sixteen that takes long is chance, not load", async () => {
  const runtime = new FakeRuntime();
  const pace = new CarryPace(runtime);
  let count = 0;
  await carry(runtime, pace, 20_000, () => (count++ % 16 === 0 ? 50 : 2));
  expect(pace.share).toBeGreaterThan(CARRY_SHARE_FIRST);
});

test("a network that became slower for good is what there is after a while", async () => {
  const runtime = new FakeRuntime();
  const pace = new CarryPace(runtime);
  await carry(runtime, pace, 5_000, () => 2);
  await carry(runtime, pace, 15_000, () => 20);
  expect(pace.share).toBe(CARRY_SHARE_MIN);
  await carry(runtime, pace, 600_000, () => 20);
  expect(pace.share).toBeGreaterThan(10 * CARRY_SHARE_MIN);
});
