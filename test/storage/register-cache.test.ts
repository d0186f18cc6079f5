import { expect, test } from "bun:test";
import { RegisterCache } from "../../src/storage/register-cache.ts";

function registerOf(sequence: number) {
  const ballot = { configuration: 1, counter: sequence, node: 1 };
  return { sequence, ballot, head: new Uint8Array(100), chosen: false, random: "r", content: undefined };
}

test("what is used stays, what is not goes, and memory is bounded", () => {
  const cache = new RegisterCache(100_000);
  cache.keep("/used", registerOf(1));
  cache.keep("/absent", null);
  for (let index = 0; index < 10_000; index += 1) {
    cache.keep(`/${index}`, registerOf(index));
    expect([cache.get("/used")?.sequence, cache.get("/absent")]).toEqual([1, null]);
  }
  const kept = Array.from({ length: 10_000 }, (_, index) => cache.get(`/${index}`)).filter((entry) => entry !== undefined);
  expect(kept.length).toBeLessThan(200);
  expect(cache.get("/9999")?.sequence).toBe(9_999);
});

test("the value last kept is the one that is found, from whichever generation the one before was", () => {
  const cache = new RegisterCache(4_000);
  for (let sequence = 1; sequence < 200; sequence += 1) {
    cache.keep("/a", registerOf(sequence));
    cache.keep(`/other-${sequence % 7}`, registerOf(sequence));
    expect(cache.get("/a")?.sequence).toBe(sequence);
  }
});

test("a mark made on what was found is on what is found later", () => {
  const cache = new RegisterCache(4_000);
  cache.keep("/a", registerOf(1));
  for (let index = 0; index < 50; index += 1) {
    const found = cache.get("/a");
    if (found) found.chosen = true;
    cache.keep(`/${index % 3}`, registerOf(index));
    expect(cache.get("/a")?.chosen).toBe(true);
  }
});
