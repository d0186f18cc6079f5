/** One history out of what several processes wrote down, each by its own clock. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Operation } from "../../../src/bench/observer.ts";
import type { RecordedListing } from "../../../src/check/history.ts";
import { ClockBounds } from "../../../src/cli/bench/clock-bounds.ts";
import { closeAll, namelessFile, Recorder, replay } from "../../../src/cli/bench/records.ts";

const open: number[] = [];
afterEach(() => closeAll(open.splice(0)));

function operation(client: number, callMs: number, returnMs: number): Operation {
  return {
    client,
    kind: "put",
    path: `/f${client}`,
    node: "dn-1",
    version: 1,
    valueId: "0011223344556677",
    callNs: callMs * 1e6,
    returnNs: returnMs * 1e6,
    outcome: "ok",
    code: null,
    files: null,
  };
}

/** A process whose clock is `behindMs` behind the asking one's, as far as an exchange of 0.2 ms tells. */
function source(behindMs: number, write: (recorder: Recorder) => void) {
  const clock = new ClockBounds();
  clock.narrow(1000, 1000.1 - behindMs, 1000.2);
  const descriptor = namelessFile();
  open.push(descriptor);
  const recorder = new Recorder(descriptor, true);
  write(recorder);
  recorder.flush();
  return { descriptor, clock };
}

describe("records of several processes", () => {
  test("become one history in the order of their ends, on one clock, calls never later and returns never earlier", async () => {
    const listing: RecordedListing = { client: 9, kind: "ls", path: "/", callNs: 5e6, returnNs: 7e6, entries: [] };
    const sources = [
      source(100, (recorder) => {
        recorder.operation(operation(1, 0, 10));
        recorder.operation(operation(2, 5, 30));
      }),
      source(0, (recorder) => {
        recorder.operation(operation(3, 101, 105));
        recorder.operation(operation(4, 102, 125));
      }),
      source(110, (recorder) => recorder.listing?.(listing)),
      source(50, () => {}),
    ];
    const shown: (Operation | RecordedListing)[] = [];
    const observer = {
      operation: (recorded: Operation) => void shown.push(recorded),
      listing: (recorded: RecordedListing) => void shown.push(recorded),
    };
    await replay(sources, observer, 90);
    expect(shown.map(({ client }) => client)).toEqual([3, 1, 9, 4, 2]);
    const [third, first] = shown;
    // 0.1 ms either way is what is not known.
    expect([third?.callNs, third?.returnNs].map((ns) => Math.round((ns ?? 0) / 1e4) / 100)).toEqual([10.9, 15.1]);
    expect([first?.callNs, first?.returnNs].map((ns) => Math.round((ns ?? 0) / 1e4) / 100)).toEqual([9.9, 20.1]);
  });
});

describe("the bounds of two clocks", () => {
  test("are as narrow as the narrowest questions make them, and hold the truth", () => {
    const clock = new ClockBounds();
    const aheadMs = 12_345.678;
    for (const [askedMs, there, back] of [
      [10, 3, 1],
      [20, 0.05, 4],
      [30, 2, 0.02],
      [40, 9, 9],
    ] as const) {
      clock.narrow(askedMs, askedMs + there + aheadMs, askedMs + there + back);
    }
    expect(clock.widthMs).toBeCloseTo(0.07, 6);
    expect(clock.earliestMs(50 + aheadMs)).toBeLessThanOrEqual(50);
    expect(clock.latestMs(50 + aheadMs)).toBeGreaterThanOrEqual(50);
    expect(clock.toOther(clock.fromOther(77))).toBeCloseTo(77, 9);
  });
});
