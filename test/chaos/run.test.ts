import { expect, test } from "bun:test";
import { rottingMax } from "../../src/chaos/run.ts";

test("of W durable copies one is on a node that does not rot, whatever the quorum", () => {
  for (let n = 1; n <= 7; n++) {
    for (let w = 1; w <= n; w++) {
      const rotting = rottingMax(n, w);
      expect(rotting).toBeWithin(0, w);
      expect(rotting).toBeLessThanOrEqual(n - w);
    }
  }
  expect([rottingMax(3, 2), rottingMax(5, 3), rottingMax(3, 1), rottingMax(3, 3)]).toEqual([1, 2, 0, 0]);
});
