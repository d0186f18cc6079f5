import { describe, expect, test } from "bun:test";
import { keptSinceMs, withRetention } from "../../src/cluster/retention.ts";
import { testMap } from "../client/fakes.ts";

const { policy } = testMap();

describe("the policy of retention", () => {
  test("is the same one if nothing is asked for, or what is there already", () => {
    expect(withRetention(policy, {})).toBe(policy);
    expect(withRetention(policy, { keepVersions: policy.keepVersions, keepForMs: 0 })).toBe(policy);
  });

  test("keeps what is not asked for", () => {
    const aged = withRetention(policy, { keepForMs: 5_000 });
    expect(aged).toMatchObject({ keepForMs: 5_000, keepVersions: policy.keepVersions });
    expect(withRetention(aged, { keepVersions: 2 })).toMatchObject({ keepForMs: 5_000, keepVersions: 2 });
    expect(withRetention(aged, { keepForMs: 0 }).keepForMs).toBe(0);
  });

  test("has no version go for its age unless it says so, and asks no clock for that", () => {
    const clock = (): number => {
      throw new Error("asked");
    };
    expect(keptSinceMs(policy, clock)).toBe(0);
    expect(keptSinceMs({ ...policy, keepForMs: 5_000 }, () => 12_000)).toBe(7_000);
    expect(keptSinceMs({ ...policy, keepForMs: 5_000 }, () => 3_000)).toBe(0); // a clock that is far behind
  });
});
