import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RecordedOperation } from "../../src/check/history.ts";
import { checkHistory } from "../../src/check/linearizability.ts";
import { type Shape, spoiltHistory, trueHistory } from "./arbitrary.ts";
import { hasOrder } from "./register.ts";

/** The oracle keeps every version. */
const KEPT = { keptVersions: Number.POSITIVE_INFINITY };

const SHAPES: Readonly<Record<string, Shape>> = {
  "puts and gets": { operations: 40, overlap: 6, untold: 0, removals: false },
  "removals and restores": { operations: 40, overlap: 6, untold: 0, removals: true },
  "unknown outcomes": { operations: 30, overlap: 4, untold: 30, removals: true },
};

describe("a history of a register that does one operation at a time is ok", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    test(`with ${name}`, () => {
      fc.assert(
        fc.property(trueHistory(shape), (history) => checkHistory(history, KEPT).verdict === "ok"),
        { numRuns: 500 },
      );
    });
  }

  test("with erased tombstones, after which versions begin at 1 again", () => {
    const shape = { operations: 20, overlap: 3, untold: 10, removals: true, erasures: true };
    const judged = (history: RecordedOperation[]) => checkHistory(history, { ...KEPT, tombstonesErased: true }).verdict;
    fc.assert(
      fc.property(trueHistory(shape), (history) => judged(history) === "ok"),
      { numRuns: 500 },
    );
  });

  test("when nobody is told versions", () => {
    const shape = { operations: 14, overlap: 3, untold: 15, removals: false };
    const untold = trueHistory(shape).map((history) => history.map((operation) => ({ ...operation, version: null })));
    fc.assert(
      fc.property(untold, (history) => checkHistory(history, KEPT).verdict === "ok"),
      { numRuns: 500 },
    );
  });
});

describe("a spoilt history is judged as trying every order judges it", () => {
  const cases: readonly [string, Shape, boolean][] = [
    ["puts and gets", { operations: 7, overlap: 2, untold: 0, removals: false }, false],
    ["unknown outcomes", { operations: 7, overlap: 2, untold: 30, removals: false }, false],
    ["removals, restores and unknown outcomes", { operations: 7, overlap: 2, untold: 25, removals: true }, false],
    ["erased tombstones", { operations: 6, overlap: 2, untold: 20, removals: true, erasures: true }, true],
  ];
  for (const [name, shape, tombstonesErased] of cases) {
    test(`with ${name}`, () => {
      const seen = { ok: 0, violated: 0, unknown: 0 };
      fc.assert(
        fc.property(spoiltHistory(shape), (history) => {
          const { verdict } = checkHistory(history, { ...KEPT, tombstonesErased });
          seen[verdict]++;
          expect(verdict).toBe(hasOrder(history, tombstonesErased) ? "ok" : "violated");
        }),
        { numRuns: 3000 },
      );
      expect(Math.min(seen.ok, seen.violated)).toBeGreaterThan(300);
    });
  }
});

describe("a violation", () => {
  /** The history with nothing known of the operations that are not kept, but that changes among them may have happened. */
  function knowing(kept: readonly RecordedOperation[], history: readonly RecordedOperation[]): RecordedOperation[] {
    return history.flatMap((operation) => {
      if (kept.includes(operation)) return [operation];
      const { precondition: _, refusal, ...change } = operation;
      if (operation.kind === "get" || operation.outcome === "fail") return [];
      return [{ ...change, version: null, callNs: -1000, returnNs: null, outcome: "unknown" }];
    });
  }

  test("is shown with operations that contradict each other whatever the others did, and with none too many", () => {
    const shape = { operations: 7, overlap: 2, untold: 20, removals: true };
    let violations = 0;
    fc.assert(
      fc.property(spoiltHistory(shape), (history) => {
        const [violation] = checkHistory(history, KEPT).violations;
        if (violation === undefined) return;
        violations++;
        const core = history.filter((operation) => violation.operations.includes(operation));
        expect(core).toHaveLength(violation.operations.length);
        expect(hasOrder(knowing(core, history))).toBe(false);
        for (const operation of core)
          expect(
            hasOrder(
              knowing(
                core.filter((other) => other !== operation),
                history,
              ),
            ),
          ).toBe(true);
      }),
      { numRuns: 1500 },
    );
    expect(violations).toBeGreaterThan(150);
  });
});
