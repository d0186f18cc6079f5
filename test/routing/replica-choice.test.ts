import { describe, expect, test } from "bun:test";
import {
  HEDGE_MS_MAX,
  HEDGE_SAMPLES_MIN,
  MEASURE_AGAIN_MS,
  MEASURE_AGAIN_MS_MIN,
  MEASURE_AGAIN_READS,
} from "../../src/limits.ts";
import { ReplicaChoice } from "../../src/routing/replica-choice.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";

const FIRST_HEDGE_MS = 80;

function choice() {
  const runtime = new FakeRuntime(3);
  return { runtime, choice: new ReplicaChoice(runtime.clock, runtime.random, FIRST_HEDGE_MS) };
}

function candidates(...nodes: readonly number[]) {
  return nodes.map((node) => ({ node, rank: 0, waiting: 0 }));
}

/** How often each node came first, and last, in so many draws. */
function places(of: ReplicaChoice, among: Parameters<ReplicaChoice["order"]>[0], draws = 2_000) {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  for (let i = 0; i < draws; i += 1) {
    const order = of.order(among);
    expect([...order].sort()).toEqual(among.map(({ node }) => node).sort());
    first.set(order[0] ?? 0, (first.get(order[0] ?? 0) ?? 0) + 1);
    last.set(order.at(-1) ?? 0, (last.get(order.at(-1) ?? 0) ?? 0) + 1);
  }
  return { first: (node: number) => (first.get(node) ?? 0) / draws, last: (node: number) => (last.get(node) ?? 0) / draws };
}

describe("the choice of replicas", () => {
  test("the worst of three is asked last, and the best one does not draw everybody", () => {
    const { choice: of } = choice();
    of.measured(1, 1);
    of.measured(2, 1.5);
    of.measured(3, 10);
    const { first, last } = places(of, candidates(1, 2, 3));
    expect(last(3)).toBe(1);
    expect(first(1)).toBeCloseTo(2 / 3, 1);
    expect(first(2)).toBeCloseTo(1 / 3, 1);
  });

  test("of five, the power of two choices: the better, the more often", () => {
    const { choice: of } = choice();
    for (const node of [1, 2, 3, 4, 5]) of.measured(node, node);
    const { first } = places(of, candidates(1, 2, 3, 4, 5));
    for (const [node, share] of [[1, 0.4] as const, [2, 0.3] as const, [3, 0.2] as const, [4, 0.1] as const, [5, 0] as const])
      expect(Math.abs(first(node) - share)).toBeLessThan(0.04);
  });

  test("requests that wait at a node count as much as its latency", () => {
    const { choice: of } = choice();
    for (const node of [1, 2]) of.measured(node, 2);
    expect(
      of.order([
        { node: 1, rank: 0, waiting: 3 },
        { node: 2, rank: 0, waiting: 2 },
      ]),
    ).toEqual([2, 1]);
  });

  test("a higher rank comes after all of a lower one, however quick it was", () => {
    const { choice: of } = choice();
    for (const [node, tookMs] of [[1, 0.1] as const, [2, 5] as const, [3, 9] as const]) of.measured(node, tookMs);
    const { first, last } = places(of, [
      { node: 1, rank: 3, waiting: 0 },
      { node: 2, rank: 0, waiting: 0 },
      { node: 3, rank: 0, waiting: 0 },
    ]);
    expect(first(2)).toBe(1);
    expect(last(1)).toBe(1);
  });

  test("who was not measured for long is to be measured, once at a time", () => {
    const { choice: of, runtime } = choice();
    expect(of.stale(1)).toBe(false); // it was only just met
    runtime.advance(MEASURE_AGAIN_MS);
    expect([of.stale(1), of.stale(1)]).toEqual([true, false]);
    runtime.advance(MEASURE_AGAIN_MS / 2);
    of.measured(1, 4);
    runtime.advance(MEASURE_AGAIN_MS / 2);
    expect(of.stale(1)).toBe(false);
  });

  test("… sooner when much is read, for one request in a hundred reads", () => {
    const { choice: of, runtime } = choice();
    of.measured(1, 4);
    let asked = 0;
    for (let i = 0; i < 10 * MEASURE_AGAIN_READS; i += 1) {
      of.began();
      runtime.advance((2 * MEASURE_AGAIN_MS_MIN) / MEASURE_AGAIN_READS);
      if (of.stale(1)) asked += 1;
    }
    expect(asked).toBe(10);
    for (let i = 0; i < 10 * MEASURE_AGAIN_READS; i += 1) {
      of.began();
      if (of.stale(1)) asked += 1;
    }
    expect(asked).toBe(10); // no time has passed
  });
});

describe("the hedging delay", () => {
  test("is the given one until enough was observed, then a high percentile, within its bounds", () => {
    const { choice: of } = choice();
    for (let i = 0; i < HEDGE_SAMPLES_MIN - 1; i += 1) of.answered(1, 4);
    expect(of.hedgeMs).toBe(FIRST_HEDGE_MS);
    for (let i = 0; i < 1_000; i += 1) of.answered(1, i % 100 === 0 ? 60 : 4);
    expect(of.hedgeMs).toBeGreaterThanOrEqual(4);
    expect(of.hedgeMs).toBeLessThan(5);
    for (let i = 0; i < 1_000; i += 1) of.answered(1, 90_000);
    expect(of.hedgeMs).toBe(HEDGE_MS_MAX);
  });

  test("does not follow what is measured beside the reads", () => {
    const { choice: of } = choice();
    for (let i = 0; i < 100; i += 1) of.answered(1, 4);
    for (let i = 0; i < 1_000; i += 1) of.measured(2, 40);
    of.answered(1, 4);
    expect(of.hedgeMs).toBeLessThan(5);
  });
});
