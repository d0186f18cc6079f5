import { expect, test } from "bun:test";
import fc from "fast-check";
import { RequestIds } from "../../src/transport/request-ids.ts";

test("each id is new once, whatever the order and however often it comes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 400 }), (ids) => {
      const seen = new RequestIds();
      const taken = ids.filter((id) => seen.isNew(id));
      expect([...taken].sort((a, b) => a - b)).toEqual([...new Set(ids)].sort((a, b) => a - b));
    }),
  );
});

test("ids that wrap are new", () => {
  const seen = new RequestIds();
  expect([2 ** 32 - 2, 2 ** 32 - 1, 1, 2, 2, 3].map((id) => seen.isNew(id))).toEqual([true, true, true, true, false, true]);
});
