import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { costMs, type Load, type QuorumSize, safeQuorums, type TimesSeen } from "../../src/cluster/adaptive-quorum.ts";
import { REPLICAS_MAX } from "../../src/limits.ts";

const NODES = [1, 2, 3];

/** Every replica looks up in about a millisecond and accepts in about `acceptMs`, which may depend on it. */
function seen(acceptMs: (of: number) => number = () => 2): TimesSeen {
  return (by, of) => ({
    number: of,
    lookUpMs: by === of ? 0 : 1,
    lookUpDeviationMs: 0.2,
    acceptMs: acceptMs(of),
    acceptDeviationMs: 0.2 * acceptMs(of),
  });
}

function mix(readsShare: number): Load {
  return { readsPerSec: 1_000 * readsShare, writesPerSec: 1_000 * (1 - readsShare) };
}

function best(load: Load, times: TimesSeen, among: readonly QuorumSize[], sets: readonly (readonly number[])[] = [NODES]) {
  const costs = among.map((quorum) => ({ quorum, ms: costMs(quorum, load, sets, times) ?? Number.POSITIVE_INFINITY }));
  return costs.reduce((least, cost) => (cost.ms < least.ms ? cost : least)).quorum;
}

describe("the settings that may be chosen", () => {
  test("intersect, can be served, and keep two copies", () => {
    const number = fc.integer({ min: 1, max: REPLICAS_MAX });
    fc.assert(
      fc.property(number, number, fc.boolean(), (n, up, calm) => {
        const present = Math.min(n, up);
        for (const { w, r } of safeQuorums(n, present, calm)) {
          expect(w + r).toBeGreaterThan(n);
          expect(Math.max(w, r)).toBeLessThanOrEqual(present);
          expect(w).toBeGreaterThanOrEqual(Math.min(2, n));
        }
      }),
    );
  });

  test("of three: a majority always, reading one copy only when no replica was away lately", () => {
    expect(safeQuorums(3, 3, true)).toEqual([
      { w: 3, r: 1 },
      { w: 2, r: 2 },
    ]);
    expect(safeQuorums(3, 3, false)).toEqual([{ w: 2, r: 2 }]);
    expect(safeQuorums(3, 2, false)).toEqual([{ w: 2, r: 2 }]);
    expect(safeQuorums(3, 1, false)).toEqual([]);
    expect(safeQuorums(3, 3, true, 1)).toContainEqual({ w: 1, r: 3 });
  });

  test("of five with one away: what lies between", () => {
    expect(safeQuorums(5, 4, false)).toEqual([
      { w: 4, r: 2 },
      { w: 3, r: 3 },
      { w: 2, r: 4 },
    ]);
  });

  test("of one and two there is little to choose", () => {
    expect(safeQuorums(1, 1, false)).toEqual([{ w: 1, r: 1 }]);
    expect(safeQuorums(2, 2, false)).toEqual([{ w: 2, r: 2 }]);
    expect(safeQuorums(2, 2, true)).toEqual([
      { w: 2, r: 2 },
      { w: 2, r: 1 },
    ]);
  });
});

describe("what an operation costs", () => {
  const three = safeQuorums(3, 3, true, 1);

  test("reads are cheapest from one copy, writes not at three", () => {
    expect(best(mix(0.95), seen(), three)).toEqual({ w: 3, r: 1 });
    expect(best(mix(0.05), seen(), safeQuorums(3, 3, true))).toEqual({ w: 2, r: 2 });
  });

  test("one slow disk makes waiting for all of them dear as soon as anything is written", () => {
    const slowDisk = seen((of) => (of === 2 ? 40 : 2));
    expect(best(mix(1), slowDisk, three)).toEqual({ w: 3, r: 1 });
    expect(best(mix(0.9), slowDisk, safeQuorums(3, 3, true))).toEqual({ w: 2, r: 2 });
  });

  test("a write quorum of one saves the wait for a second disk and pays a round of promises: it is worth it where disks are slow", () => {
    expect(
      best(
        mix(0.05),
        seen(() => 20),
        three,
      ),
    ).toEqual({ w: 1, r: 3 });
    expect(
      best(
        mix(0.05),
        seen(() => 0.9),
        three,
      ),
    ).not.toEqual({ w: 1, r: 3 });
  });

  test("each replica set counts with the times of its own nodes", () => {
    const slowDisk = seen((of) => (of === 5 ? 40 : 2));
    const all =
      costMs(
        { w: 3, r: 1 },
        mix(0.5),
        [
          [1, 2, 3],
          [3, 4, 5],
        ],
        slowDisk,
      ) ?? 0;
    const quick = costMs({ w: 3, r: 1 }, mix(0.5), [[1, 2, 3]], slowDisk) ?? 0;
    const slow = costMs({ w: 3, r: 1 }, mix(0.5), [[3, 4, 5]], slowDisk) ?? 0;
    expect(all).toBeCloseTo((quick + slow) / 2, 9);
    expect(slow).toBeGreaterThan(5 * quick);
  });

  test("is not known while something is not measured, or where too few replicas are up", () => {
    const nothing: TimesSeen = () => undefined;
    expect(costMs({ w: 2, r: 2 }, mix(0.5), [NODES], nothing)).toBeUndefined();
    expect(
      costMs(
        { w: 2, r: 2 },
        mix(0.5),
        [NODES],
        seen(() => 0),
      ),
    ).toBeUndefined();
    expect(
      costMs(
        { w: 2, r: 2 },
        mix(1),
        [NODES],
        seen(() => 0),
      ),
    ).toBeDefined(); // nothing is written
    expect(costMs({ w: 3, r: 1 }, mix(0.5), [[1, 2]], seen())).toBeUndefined();
    expect(costMs({ w: 1, r: 3 }, mix(0.5), [[1, 2]], seen())).toBeUndefined();
  });

  test("one replica alone has nobody to wait for", () => {
    expect(costMs({ w: 1, r: 1 }, mix(0.5), [[1]], seen())).toBeDefined();
  });
});
