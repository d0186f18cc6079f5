import { expect, test } from "bun:test";
import { PathFilter } from "../../src/storage/path-filter.ts";

const path = (index: number) => `/directory/file-${index}`;
/** Three parts: the first one has room for 2^16. */
const MANY = 300_000;

test("what was added is held, and hardly anything else, however many there are", () => {
  const filter = new PathFilter();
  for (let index = 0; index < MANY; index++) filter.add(path(index));
  let missed = 0;
  let taken = 0;
  for (let index = 0; index < MANY; index++) {
    if (!filter.mayHold(path(index))) missed += 1;
    if (filter.mayHold(path(MANY + index))) taken += 1;
  }
  expect(missed).toBe(0);
  expect(taken / MANY).toBeLessThan(0.02);
});

test("nothing is held at first", () => {
  expect(new PathFilter().mayHold(path(0))).toBe(false);
});

test("adding what is held takes no room", () => {
  const filter = new PathFilter(2 ** 17); // the first part, and no other
  for (let round = 0; round < 3; round++) for (let index = 0; index < 60_000; index++) filter.add(path(index));
  expect(filter.mayHold("/another")).toBe(false);
});

test("with no room left everything is taken for held", () => {
  const filter = new PathFilter(2 ** 17);
  for (let index = 0; index < 70_000; index++) filter.add(path(index));
  expect([filter.mayHold(path(69_999)), filter.mayHold("/another")]).toEqual([true, true]);
});
