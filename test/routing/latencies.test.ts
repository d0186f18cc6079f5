import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HEDGE_RESERVE, HEDGE_SHARE, PEAK_DECAY_MS, QUANTILE_WINDOW } from "../../src/limits.ts";
import { HedgeBudget } from "../../src/routing/hedge-budget.ts";
import { LatencyQuantile } from "../../src/routing/latency-quantile.ts";
import { PeakEwma } from "../../src/routing/peak-ewma.ts";

describe("a peak EWMA", () => {
  test("takes a worse observation at once, and forgets it as time passes, not as observations come", () => {
    const often = new PeakEwma();
    const seldom = new PeakEwma();
    expect(often.valueMs).toBeUndefined();
    for (const peak of [often, seldom]) {
      peak.observe(1, 0);
      peak.observe(20, 1);
      expect(peak.valueMs).toBe(20);
    }
    for (let atMs = 2; atMs <= 1 + PEAK_DECAY_MS; atMs += 1) often.observe(1, atMs);
    seldom.observe(1, 1 + PEAK_DECAY_MS);
    expect(often.valueMs).toBeCloseTo(1 + 19 / Math.E, 6);
    expect(seldom.valueMs).toBeCloseTo(1 + 19 / Math.E, 6);
  });

  test("what is still under way only makes it worse", () => {
    const peak = new PeakEwma();
    peak.atLeast(3, 0);
    expect(peak.valueMs).toBe(3);
    peak.atLeast(2, 5_000);
    expect(peak.valueMs).toBe(3);
    peak.atLeast(7, 5_000);
    expect(peak.valueMs).toBe(7);
  });
});

describe("a quantile", () => {
  test("is at most a fifth above the true one, and never below it", () => {
    const latencyMs = fc.double({ min: 0.0625, max: 30_000, noNaN: true });
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(latencyMs, { minLength: 1, maxLength: 300 }), share, (latencies, at) => {
        const quantile = new LatencyQuantile();
        for (const latency of latencies) quantile.observe(latency);
        const sorted = [...latencies].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(latencies.length * at - 1e-9) - 1] ?? 0;
        const found = quantile.atMs(at);
        expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(found).toBeLessThanOrEqual(exact * 2 ** 0.25 * (1 + 1e-9));
      }),
    );
  });

  test("follows a change within a few windows", () => {
    const quantile = new LatencyQuantile();
    for (let i = 0; i < 10 * QUANTILE_WINDOW; i += 1) quantile.observe(1);
    for (let i = 0; i < 7 * QUANTILE_WINDOW; i += 1) quantile.observe(50);
    expect(quantile.atMs(0.02)).toBeGreaterThan(40);
  });
});

test("a hedge budget grants its reserve and then a share of the requests", () => {
  const budget = new HedgeBudget();
  const granted = (requests: number) => {
    let count = 0;
    for (let i = 0; i < requests; i += 1) {
      budget.earn();
      if (budget.spend()) count += 1;
    }
    return count;
  };
  expect(granted(HEDGE_RESERVE)).toBe(HEDGE_RESERVE);
  const later = granted(10_000);
  expect(Math.abs(later - 10_000 * HEDGE_SHARE)).toBeLessThanOrEqual(2);
  for (let i = 0; i < 100_000; i += 1) budget.earn();
  expect(granted(1_000)).toBeLessThanOrEqual(HEDGE_RESERVE + 1_000 * HEDGE_SHARE);
});
