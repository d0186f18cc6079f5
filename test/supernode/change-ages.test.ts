import { expect, test } from "bun:test";
import { ChangeAges } from "../../src/supernode/change-ages.ts";
import { mapOf, single } from "../doctor/fakes.ts";

const joint = (number: number) => ({ number, sets: [...single([1, 2, 3], 2, 2).sets, ...single([2, 3, 4], 2, 2).sets] });
const map = (...configurations: ReturnType<typeof joint>[]) => mapOf({ partitions: configurations });
const carried = (files: number) => ({ moving: 1, waiting: 0, moved: 0, files, chunks: 0, sizeBytes: 0, waitsFor: [] });

test("a change is as old as its configuration, and stands still while nothing is carried over", () => {
  const ages = new ChangeAges();
  ages.look(map(joint(2), joint(2)), carried(0), 1_000);
  ages.look(map(joint(2), joint(4)), carried(7), 5_000);
  ages.look(map(joint(2), joint(4)), carried(7), 9_000);
  expect(ages.status(10_000)).toEqual({
    joint: [
      { partition: 0, number: 2, forMs: 9_000 },
      { partition: 1, number: 4, forMs: 5_000 },
    ],
    standstillMs: 5_000,
  });
  ages.look(mapOf({}), null, 20_000);
  expect(ages.status(30_000)).toEqual({ joint: [], standstillMs: 0 });
});

test("what begins after a long calm has not stood still for that long", () => {
  const ages = new ChangeAges();
  ages.look(mapOf({}), null, 0);
  ages.look(map(joint(2)), carried(0), 600_000);
  expect(ages.status(600_500).standstillMs).toBe(500);
});
