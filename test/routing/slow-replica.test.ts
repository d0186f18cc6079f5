/** What a slow DataNode does to strong reads, in virtual time: the figures are the same in every run. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { HEDGE_RESERVE, HEDGE_SHARE, MEASURE_AGAIN_READS } from "../../src/limits.ts";
import { SlowedCluster } from "./slowed-cluster.ts";

setDefaultTimeout(120_000);

const SEEDS = [1, 2];
const SLOW_NODE = 2;
const TENFOLD = 10;
const READS = 2_000;

beforeAll(async () => warmUpChecksums(64));

describe("with one DataNode slowed tenfold", () => {
  test.each([
    { n: 3, w: 2, r: 2 },
    { n: 5, w: 3, r: 3 },
    { n: 3, w: 3, r: 1 },
  ])(
    "p99 of strong reads stays within twice the healthy cluster's, from the first moment on (n=$n w=$w r=$r)",
    async (quorum) => {
      for (const seed of SEEDS) {
        for (const [inFlight, putEvery] of [[1] as const, [16] as const, [16, 4] as const]) {
          const slowed = await SlowedCluster.start(quorum, seed);
          const healthy = await slowed.read(READS, inFlight, putEvery);
          slowed.slow(SLOW_NODE, TENFOLD);
          // The moment at which it becomes slow is among them: some dozen reads meet it before it is known.
          const slow = await slowed.read(3 * READS, inFlight, putEvery);
          expect(slow.p99Ms).toBeLessThan(2 * healthy.p99Ms);
          expect((await slowed.read(READS, inFlight, putEvery)).p99Ms).toBeLessThan(1.3 * healthy.p99Ms);
        }
      }
    },
  );

  test("where every read needs every replica nothing helps: the slowness is real", async () => {
    const slowed = await SlowedCluster.start({ n: 3, w: 1, r: 3 }, 1);
    const healthy = await slowed.read(READS, 16);
    slowed.slow(SLOW_NODE, TENFOLD);
    expect((await slowed.read(READS, 16)).p99Ms).toBeGreaterThan(5 * healthy.p99Ms);
  });

  test("it is asked again soon after it has become as quick as the others", async () => {
    const slowed = await SlowedCluster.start({ n: 3, w: 2, r: 2 }, 1);
    slowed.slow(SLOW_NODE, TENFOLD);
    await slowed.read(READS, 1);
    expect(slowed.askedLately(SLOW_NODE)).toBeLessThan(0.01);
    slowed.slow(SLOW_NODE, 1);
    await slowed.read(10 * READS, 1);
    slowed.askedLately(SLOW_NODE);
    await slowed.read(READS, 1);
    expect(slowed.askedLately(SLOW_NODE)).toBeGreaterThan(0.2);
  });
});

test("when all DataNodes become slow at once, hedges stay within their share of the reads", async () => {
  const slowed = await SlowedCluster.start({ n: 3, w: 2, r: 2 }, 1);
  await slowed.read(READS, 16);
  slowed.askedLately(0);
  for (const node of [1, 2, 3]) slowed.slow(node, TENFOLD);
  await slowed.read(READS, 16);
  const beyondR = slowed.requests - 2 * READS;
  // One more in so many reads for the replica that is passed over, to see how it does.
  expect(beyondR).toBeLessThanOrEqual(HEDGE_RESERVE + READS * HEDGE_SHARE + READS / MEASURE_AGAIN_READS);
  expect(beyondR).toBeGreaterThan(0);
});
