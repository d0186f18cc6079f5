import { describe, expect, test } from "bun:test";
import { Steadiness } from "../../src/cluster/steadiness.ts";
import { Suspicion } from "../../src/cluster/suspicion.ts";
import {
  DOWN_AFTER_MS_MAX,
  DOWN_PHI,
  FLAP_HOLD_MS,
  FLAP_HOLD_MS_MAX,
  FLAP_MEMORY_MS,
  FLAPS_FREE,
  HEARTBEAT_MS,
  SUSPECT_PHI,
} from "../../src/limits.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

/** After heartbeats with these intervals, how long a silence takes to reach a level. */
function reaches(level: number, intervalsMs: readonly number[]): number {
  const suspicion = new Suspicion(0);
  let nowMs = 0;
  for (const intervalMs of intervalsMs) {
    nowMs += intervalMs;
    suspicion.heard(nowMs);
  }
  for (let silentMs = 0; ; silentMs += 10) if (suspicion.phi(nowMs + silentMs) >= level) return silentMs;
}

const regular = Array.from({ length: 200 }, () => HEARTBEAT_MS);

describe("suspicion", () => {
  test("rises with the silence, from nothing on, and ends with a heartbeat", () => {
    const suspicion = new Suspicion(0);
    const levels = [0, 400, 1_000, 2_000, 4_000, 8_000].map((ms) => suspicion.phi(ms));
    expect(levels.slice(0, 2)).toEqual([0, 0]);
    expect(levels.toSorted((a, b) => a - b)).toEqual(levels);
    suspicion.heard(8_000);
    expect(suspicion.phi(8_000 + HEARTBEAT_MS)).toBe(0);
  });

  test("two lost heartbeats of a regular node make no suspect, ten of them make one that is down", () => {
    expect(reaches(SUSPECT_PHI, regular)).toBeGreaterThan(3 * HEARTBEAT_MS);
    expect(reaches(SUSPECT_PHI, regular)).toBeLessThan(4 * HEARTBEAT_MS);
    expect(reaches(DOWN_PHI, regular)).toBeLessThan(11 * HEARTBEAT_MS);
  });

  test("a node whose heartbeats are irregular is given more time, within bounds", () => {
    const random = seededRandom(7);
    const irregular = regular.map(() => HEARTBEAT_MS - 400 * Math.log(1 - random.unit()));
    const wild = regular.map(() => (random.unit() < 0.2 ? 4_000 : HEARTBEAT_MS));
    const times = [regular, irregular, wild].map((intervals) => reaches(DOWN_PHI, intervals));
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
    expect(times[1]).toBeGreaterThan(1.3 * (times[0] ?? 0));
    expect(times[2]).toBeLessThanOrEqual(DOWN_AFTER_MS_MAX + 10);
  });

  test("of a node whose lateness is what it is taken for, as many silences are suspected as the level says", () => {
    const random = seededRandom(11);
    const suspicion = new Suspicion(0);
    let nowMs = 0;
    let suspected = 0;
    const beats = 20_000;
    for (let beat = 0; beat < beats; beat++) {
      nowMs += HEARTBEAT_MS - 300 - 300 * Math.log(1 - random.unit()); // the mean interval is HEARTBEAT_MS
      if (suspicion.phi(nowMs) >= SUSPECT_PHI) suspected += 1;
      suspicion.heard(nowMs);
    }
    // Past the mean begins the tail, which holds 1/e of an exponential.
    expect(suspected / beats).toBeGreaterThan(0.3 * 10 ** -SUSPECT_PHI * Math.exp(-1));
    expect(suspected / beats).toBeLessThan(3 * 10 ** -SUSPECT_PHI * Math.exp(-1));
  });

  test("a long absence teaches nothing about intervals", () => {
    const away = [...regular, 600_000, HEARTBEAT_MS];
    expect(reaches(DOWN_PHI, away)).toBe(reaches(DOWN_PHI, regular));
  });

  test("time in which the listener itself stood still counts for nothing", () => {
    const suspicion = new Suspicion(0);
    suspicion.excuse(60_000);
    expect(suspicion.phi(60_000 + HEARTBEAT_MS)).toBe(0);
    suspicion.heard(60_000 + HEARTBEAT_MS);
    expect(suspicion.phi(60_000 + 3 * HEARTBEAT_MS)).toBeGreaterThan(0);
  });
});

describe("steadiness", () => {
  test("the wait doubles up to its bound, whatever a node does", () => {
    const steadiness = new Steadiness(0, false);
    let nowMs = 0;
    const holds: number[] = [];
    for (let times = 1; times <= FLAPS_FREE + 8; times++) {
      steadiness.vanished(nowMs);
      steadiness.vanished(nowMs + 1); // still the same absence
      nowMs += 10;
      steadiness.back(nowMs);
      holds.push(steadiness.heldForMs(nowMs));
    }
    expect(holds.slice(0, FLAPS_FREE + 3)).toEqual([0, 0, FLAP_HOLD_MS, 2 * FLAP_HOLD_MS, 4 * FLAP_HOLD_MS]);
    expect(Math.max(...holds)).toBe(FLAP_HOLD_MS_MAX);
    expect(steadiness.heldForMs(nowMs + FLAP_HOLD_MS_MAX)).toBe(0);
  });

  test("while it is away the whole wait is still to come, and after long calm all is forgiven", () => {
    const steadiness = new Steadiness(0, false);
    for (let times = 0; times < 3; times++) {
      steadiness.vanished(0);
      steadiness.back(0);
    }
    steadiness.vanished(1_000);
    expect(steadiness.heldForMs(100_000)).toBe(2 * FLAP_HOLD_MS);
    expect(steadiness.flaps(1_000 + FLAP_MEMORY_MS - 1)).toBe(4);
    expect(steadiness.heldForMs(1_000 + FLAP_MEMORY_MS)).toBe(0);
  });

  test("a node that was away before anybody looked, or said goodbye, has not vanished", () => {
    const steadiness = new Steadiness(0, true);
    for (let times = 0; times < 5; times++) {
      steadiness.vanished(times);
      steadiness.back(times);
      steadiness.left();
    }
    expect(steadiness.flaps(10)).toBe(0);
  });
});
