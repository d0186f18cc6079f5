import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CEILING_STEP, COUNTER_LEAP_MAX } from "../../src/limits.ts";
import { Acceptor } from "../../src/register/acceptor.ts";
import { ABSENT, compareBallots } from "../../src/register/ballot.ts";
import { BallotCounter } from "../../src/register/counter.ts";
import { PromiseTable } from "../../src/register/promises.ts";
import type { Ballot } from "../../src/wire/messages.ts";

const ballot = (counter: number, node = 1, configuration = 1): Ballot => ({ configuration, counter, node });
const anyBallot = fc.record({
  configuration: fc.integer({ min: 1, max: 3 }),
  counter: fc.integer({ min: 1, max: 40 }),
  node: fc.integer({ min: 1, max: 4 }),
});
const NOTHING = { ballot: ABSENT };

function opened(ceiling = 0): BallotCounter {
  const counter = new BallotCounter(ceiling);
  counter.raise(counter.ceilingFor(ceiling));
  return counter;
}

describe("ballots", () => {
  test("are totally ordered by configuration, counter and node, with absent the lowest", () => {
    fc.assert(
      fc.property(anyBallot, anyBallot, anyBallot, (a, b, c) => {
        expect(Math.sign(compareBallots(a, b))).toBe(-Math.sign(compareBallots(b, a)) + 0);
        if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0) expect(compareBallots(a, c)).toBeLessThanOrEqual(0);
        expect(compareBallots(a, ABSENT)).toBeGreaterThan(0);
        expect(compareBallots(a, b) === 0).toBe(
          a.configuration === b.configuration && a.counter === b.counter && a.node === b.node,
        );
      }),
    );
  });
});

describe("promise table (P2)", () => {
  test("the floor of every file only rises and is never below a promise, however small the table", () => {
    const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), anyBallot), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), events, (max, promises) => {
        const table = new PromiseTable(max);
        const highest = new Map<string, Ballot>();
        for (const [file, at] of promises) {
          const path = `/f${file}`;
          const before = table.floor(path, at.configuration);
          if (compareBallots(at, before) <= 0) continue;
          table.promise(path, at);
          highest.set(path, at);
          expect(compareBallots(table.floor(path, at.configuration), before)).toBeGreaterThanOrEqual(0);
        }
        expect(table.size).toBeLessThanOrEqual(max);
        for (const [path, promised] of highest) {
          const floor = table.floor(path, promised.configuration);
          expect(compareBallots(floor, promised)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("what was evicted of one partition is a floor of counters for the others, whatever their configurations' numbers", () => {
    const table = new PromiseTable(1);
    for (let file = 0; file < 10_000; file++) table.promise(`/moved/${file}`, ballot(100, 2, 7)); // every bucket has evicted some
    expect(table.floor("/unmoved", 1)).toEqual(ballot(100, 2, 1));
    expect(compareBallots(ballot(101, 1, 1), table.floor("/unmoved", 1))).toBeGreaterThan(0);
  });

  test("a promise covered by an accept at the same ballot or above needs no room", () => {
    const table = new PromiseTable();
    table.promise("/a", ballot(5));
    table.covered("/a", ballot(4));
    expect(table.size).toBe(1);
    table.covered("/a", ballot(5));
    expect(table.size).toBe(0);
  });
});

describe("acceptor", () => {
  test("promises only above its floor and accepts at or above it", () => {
    const acceptor = new Acceptor(opened());
    expect(acceptor.prepare("/a", ballot(10), NOTHING).kind).toBe("ok");
    expect(acceptor.prepare("/a", ballot(10), NOTHING).kind).toBe("refused");
    expect(acceptor.accept("/a", ballot(9), NOTHING)).toEqual({ kind: "refused", floor: ballot(10) });
    expect(acceptor.accept("/a", ballot(10), NOTHING).kind).toBe("ok");
    expect(acceptor.accept("/a", ballot(9, 4), { ballot: ballot(10) }).kind).toBe("refused");
  });

  test("takes nothing at or below what was erased, not even the erased ballot itself, be it learned (P14, I9)", () => {
    const erasure = { floor: ballot(10, 2), forgotten: 0 };
    const acceptor = new Acceptor(opened(), undefined, () => erasure);
    expect(acceptor.accept("/a", ballot(10, 2), NOTHING).kind).toBe("refused");
    expect(acceptor.prepare("/a", ballot(10, 2), NOTHING)).toEqual({ kind: "refused", floor: ballot(10, 2) });
    expect([acceptor.learns("/a", ballot(10, 2), NOTHING), acceptor.learns("/a", ballot(10, 3), NOTHING)]).toEqual([false, true]);
    expect(acceptor.accept("/a", ballot(10, 3), NOTHING).kind).toBe("ok");
  });

  test("takes no folded accept whose base has forgotten less than was erased here, unless it holds something itself (P14, P24)", () => {
    const acceptor = new Acceptor(opened(), undefined, () => ({ floor: ballot(3), forgotten: 70 }));
    const folded = (forgotten: number, held = ABSENT) =>
      acceptor.acceptFolded("/a", ballot(10), ballot(5), { ballot: held }, forgotten).kind;
    expect([folded(69), folded(70), folded(0, ballot(4))]).toEqual(["refused", "ok", "ok"]);
  });

  test("after a restart refuses everything below the old ceiling, promised or not (I2)", () => {
    const before = opened();
    const acceptor = new Acceptor(before);
    acceptor.prepare("/a", ballot(50), NOTHING);
    const after = new Acceptor(opened(before.ceiling));
    // The acceptor had accepted nothing, and a delayed accept of the promised ballot must not slip in after the restart.
    expect(after.accept("/a", ballot(49), NOTHING).kind).toBe("refused");
    expect(after.accept("/a", ballot(before.ceiling - 1, 9), NOTHING).kind).toBe("refused");
    expect(after.prepare("/a", ballot(before.ceiling - 1, 9), NOTHING).kind).toBe("refused");
    expect(after.prepare("/a", ballot(before.ceiling), NOTHING).kind).toBe("ok");
  });

  test("after a restart an accepted ballot above the ceiling is still the floor", () => {
    const acceptor = new Acceptor(opened(50));
    expect(acceptor.accept("/a", ballot(60), { ballot: ballot(100) }).kind).toBe("refused");
  });

  test("refuses at prepare, but not at accept, a counter that leaps (P4)", () => {
    const counter = opened();
    const acceptor = new Acceptor(counter);
    const leap = COUNTER_LEAP_MAX + 100;
    expect(acceptor.prepare("/a", ballot(leap), NOTHING).kind).toBe("refused");
    expect(counter.current()).toBeLessThan(leap);
    expect(acceptor.accept("/a", ballot(leap), NOTHING).kind).toBe("ok");
  });

  test("learns a chosen value over a promise, never over something newer", () => {
    const acceptor = new Acceptor(opened());
    acceptor.prepare("/a", ballot(10), NOTHING);
    expect(acceptor.learns("/a", ballot(5), NOTHING)).toBe(true);
    expect(acceptor.learns("/a", ballot(5), { ballot: ballot(5) })).toBe(false);
    expect(acceptor.learns("/a", ballot(5), { ballot: ballot(6) })).toBe(false);
  });
});

describe("ballot counter (P3)", () => {
  test("issues nothing before a ceiling is on disk, and nothing at or above it", () => {
    const counter = new BallotCounter(0);
    expect(counter.next()).toBeUndefined();
    counter.raise(3);
    expect([counter.next(), counter.next(), counter.next()]).toEqual([1, 2, undefined]);
  });

  test("a later life issues nothing that an earlier one could have issued or promised", () => {
    const first = opened();
    for (let i = 0; i < 10; i += 1) first.next();
    first.observe(first.ceiling - 5);
    const second = opened(first.ceiling);
    expect(second.next()).toBeGreaterThan(first.ceiling - 1);
  });

  test("merges what it hears but for a leap, and asks for room long before it runs out", () => {
    const counter = opened();
    counter.observe(100);
    expect(counter.next()).toBe(101);
    counter.observe(101 + COUNTER_LEAP_MAX + 1);
    expect(counter.next()).toBe(102);
    expect(counter.wantsRoom).toBe(false);
    counter.observe(CEILING_STEP / 2 + 1);
    expect(counter.wantsRoom).toBe(true);
  });
});
