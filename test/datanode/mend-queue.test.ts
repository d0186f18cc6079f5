import { expect, test } from "bun:test";
import { MendQueue } from "../../src/datanode/mend-queue.ts";
import { MEND_RETRY_MAX_MS } from "../../src/limits.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";

function queueOf(run: (key: string, tries: number) => Promise<boolean>, inFlight = 2) {
  const runtime = new FakeRuntime(1);
  const fatal: unknown[] = [];
  return { runtime, fatal, queue: new MendQueue<string>({ runtime, run, inFlight, onFatal: (error) => fatal.push(error) }) };
}

test("each thing is tried once at a time, a few at a time; again only if it came while it was being tried", () => {
  const begun: string[] = [];
  const { runtime, queue } = queueOf(async (key) => {
    begun.push(key);
    await new Promise<void>((resolve) => runtime.timers.after(10, resolve));
    return true;
  });
  for (const key of ["a", "b", "c", "c", "d", "d"]) queue.add(key);
  runtime.advance(5);
  expect(begun).toEqual(["a", "b"]);
  for (const key of ["a", "b", "d"]) queue.add(key);
  runtime.advance(100);
  expect(begun).toEqual(["a", "b", "c", "d", "a", "b"]);
  expect(queue.size).toBe(0);
});

test("what does not help is tried again after growing pauses, and at once when there is reason to hope", () => {
  const atMs: number[] = [];
  let helps = false;
  const { runtime, queue } = queueOf(async () => {
    atMs.push(runtime.clock.monotonicMs());
    return helps;
  });
  queue.add("a");
  runtime.advance(20 * 60_000);
  const pausesMs = atMs.slice(1).map((ms, at) => ms - (atMs[at] ?? 0));
  expect(pausesMs[0]).toBeLessThan(1_001);
  expect(Math.max(...pausesMs)).toBeLessThanOrEqual(MEND_RETRY_MAX_MS);
  expect(pausesMs.slice(-3).every((ms) => ms >= MEND_RETRY_MAX_MS / 2)).toBe(true);
  const tries = atMs.length;
  queue.add("a"); // suspecting it again does not hasten it
  runtime.advance(10);
  expect(atMs.length).toBe(tries);
  helps = true;
  queue.hurry();
  runtime.advance(10);
  expect([atMs.length, queue.size]).toEqual([tries + 1, 0]);
});

test("who asks for it now is told what a try that began after that came to", async () => {
  let good = false;
  const { runtime, queue } = queueOf(async () => {
    const looked = good;
    await new Promise<void>((resolve) => runtime.timers.after(10, resolve));
    return looked;
  });
  queue.add("a");
  runtime.advance(5);
  good = true;
  const mended = queue.now("a");
  expect(await runtime.until(mended, 1_000)).toBe(true);
  expect(queue.untried).toBe(0);
});

test("a broken invariant goes to whoever ends the process", () => {
  const { runtime, fatal, queue } = queueOf(async () => {
    throw new Error("broken");
  });
  queue.add("a");
  runtime.advance(10);
  expect(String(fatal[0])).toContain("broken");
});
