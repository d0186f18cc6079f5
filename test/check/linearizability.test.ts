import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { searchOrder } from "../../src/check/file-search.ts";

import type { RecordedOperation } from "../../src/check/history.ts";
import { checkHistory } from "../../src/check/linearizability.ts";
import { operationLine } from "../../src/check/words.ts";
import { spoiltHistory, trueHistory } from "./arbitrary.ts";
import { failedPut, get, put, restore, rm, unknownPut, unknownRm } from "./write.ts";

const SEARCH = { keptVersions: Number.POSITIVE_INFINITY, tombstonesErased: false, stepsMax: 1e6, memoryMax: 1e7 };

function ok(...history: RecordedOperation[]): void {
  expect(checkHistory(history)).toMatchObject({ verdict: "ok", violations: [] });
}

/** Judged as violated, with this sentence, by these operations (positions in the history). */
function violated(history: RecordedOperation[], contradiction: string, core: readonly number[]): void {
  const verdict = checkHistory(history);
  expect(verdict.verdict).toBe("violated");
  expect(verdict.violations[0]?.contradiction).toBe(contradiction);
  expect(verdict.violations[0]?.operations).toEqual(core.flatMap((index) => history[index] ?? []));
}

describe("one file", () => {
  test("read before, while and after it is written is ok", () => {
    ok(get(0, 10, null, null), put(5, 30, 1, "a"), get(6, 20, 1, "a"), get(12, 25, 1, "a"), get(40, 50, 1, "a"));
    ok(put(5, 30, 1, "a"), get(6, 20, null, null), get(40, 50, 1, "a"));
  });

  test("never goes back: a stale read is a violation", () => {
    const history = [put(0, 1, 1, "a"), put(2, 3, 2, "b"), put(4, 9, 3, "c"), get(4, 5, 1, "a")];
    violated(history, "a stale read: it returned version 1 after client 1's put had returned with version 2", [1, 3]);
  });

  test("never goes back to a reader who saw more: new, then old is a violation even while the put is under way", () => {
    const history = [
      put(0, 1, 1, "a"),
      put(2, 100, 2, "b"),
      get(3, 10, 2, "b", { client: 2 }),
      get(20, 30, 1, "a", { client: 3 }),
    ];
    violated(history, "a stale read: it returned version 1 after client 2's get had returned with version 2", [2, 3]);
  });

  test("loses no update: two puts of one version are a violation", () => {
    violated([put(0, 10, 1, "a"), put(0, 10, 1, "b"), get(20, 30, 1, "b")], "both answered that they made version 1", [0, 1]);
  });

  test("found absent after an acknowledged put is a violation", () => {
    violated(
      [put(0, 1, 1, "a"), get(2, 3, null, null)],
      "client 1's get found nothing after client 1's put had returned",
      [0, 1],
    );
  });

  test("written later in time cannot have an earlier version", () => {
    const history = [put(0, 1, 2, "b"), put(5, 6, 1, "a")];
    violated(history, "versions go back: it made version 1 after client 1's put had returned with version 2", [0, 1]);
  });

  test("read with a value that nobody wrote, or before anyone did, is a violation", () => {
    violated([put(0, 1, 1, "a"), get(2, 3, 1, "z")], "client 1's get returned a value that no put wrote", [1]);
    violated(
      [get(2, 3, 1, "a"), put(4, 5, 1, "a")],
      "client 1's get returned what client 1's put made before that was called",
      [0, 1],
    );
  });

  test("shows one value per version", () => {
    const history = [unknownPut(0, "a"), unknownPut(0, "b"), get(1, 2, 1, "a"), get(3, 4, 1, "b")];
    violated(history, "version 1 is not the same to both", [2, 3]);
  });

  test("without versions is searched by values alone", () => {
    const puts = [put(0, 10, null, "a"), put(0, 10, null, "b")];
    ok(...puts, get(20, 21, null, "a"), get(22, 23, null, "a"));
    ok(...puts, get(20, 21, null, "b"), get(22, 23, null, "b"));
    violated(
      [...puts, get(20, 21, null, "a"), get(22, 23, null, "b")],
      "no order of these 3 operations explains all their answers",
      [1, 2, 3],
    );
  });

  test("is judged apart from others, and the first violations are shown in order of path", () => {
    const bad = (path: string) => [put(0, 1, 1, path, { path }), get(2, 3, null, null, { path })];
    const verdict = checkHistory([...bad("/b"), put(0, 1, 1, "c", { path: "/c" }), ...bad("/a")]);
    expect(verdict).toMatchObject({ verdict: "violated", files: 3, filesViolated: 2, operationsChecked: 5 });
    expect(verdict.violations.map(({ path }) => path)).toEqual(["/a", "/b"]);
  });
});

describe("a definite failure", () => {
  test("is invisible", () => {
    ok(put(0, 1, 1, "a"), failedPut(2, 3, "b"), get(4, 5, 1, "a"), put(6, 7, 2, "c"));
  });

  test("whose value is read is a violation", () => {
    const history = [put(0, 1, 1, "a"), failedPut(2, 3, "b"), get(4, 5, 2, "b")];
    violated(history, "client 1's get returned the value of a put that had definitely failed", [2]);
  });
});

describe("an unknown outcome", () => {
  test("may surface late, or never", () => {
    ok(unknownPut(0, "a"), get(10, 11, null, null), put(20, 21, 1, "b"), get(1000, 1001, 2, "a"));
    ok(unknownPut(0, "a"), get(10, 11, null, null), put(20, 21, 1, "b"), put(30, 31, 2, "c"));
  });

  test("that surfaces and vanishes is a violation", () => {
    const history = [put(0, 1, 1, "a"), unknownPut(2, "b"), get(10, 11, 2, "b", { client: 2 }), get(20, 21, 1, "a")];
    violated(history, "a stale read: it returned version 1 after client 2's get had returned with version 2", [2, 3]);
    violated(
      [unknownPut(2, "b"), get(10, 11, null, "b"), get(20, 21, null, null)],
      "client 1's get found nothing after client 1's get had returned",
      [1, 2],
    );
  });

  test("does not surface twice", () => {
    const history = [unknownPut(0, "a"), get(1, 2, 1, "a"), put(3, 4, 2, "b"), get(5, 6, 3, "a")];
    expect(checkHistory(history).verdict).toBe("violated");
  });

  test("cannot have an effect before its call", () => {
    expect(checkHistory([get(0, 1, 1, "a"), unknownPut(2, "a")]).verdict).toBe("violated");
  });

  test("explains a gap in the versions, and without one a gap is a violation", () => {
    ok(put(0, 1, 1, "a"), unknownPut(2, "x"), put(5, 6, 3, "b"));
    violated(
      [put(0, 1, 1, "a"), put(5, 6, 3, "b")],
      "client 1's put answered version 3, but there were no more than 2 changes",
      [1],
    );
  });

  test("of a removal may explain that a file is gone", () => {
    ok(put(0, 1, 1, "a"), unknownRm(2), get(5, 6, 1, "a"), get(7, 8, null, null), put(9, 10, 3, "b"));
    expect(checkHistory([put(0, 1, 1, "a"), unknownRm(2), get(5, 6, null, null), get(7, 8, 1, "a")]).verdict).toBe("violated");
  });
});

describe("a position of the search", () => {
  test("is another one when other changes are left, however alike the file", () => {
    const open = [unknownPut(0, "a"), unknownPut(0, "b"), unknownPut(0, "c"), unknownRm(0)];
    ok(...open, get(10, 11, 2, "c"), get(20, 21, null, "a"));
  });

  test("is another one when a version that will be asked for is another", () => {
    const open = [unknownPut(0, "a"), unknownPut(0, "b"), unknownPut(0, "c")];
    ok(...open, get(10, 11, 3, "c"), unknownRm(15), restore(20, 21, null, 1), get(30, 31, null, "b"));
  });
});

describe("removals", () => {
  test("are versions of their own", () => {
    ok(put(0, 1, 1, "a"), rm(2, 3, 2), get(4, 5, null, null), put(6, 7, 3, "b"), get(8, 9, 3, "b"));
  });

  test("stay: a removed file that comes back is a violation", () => {
    const history = [put(0, 1, 1, "a"), rm(2, 3, 2), get(4, 5, null, null), get(6, 7, 1, "a")];
    violated(history, "a stale read: it returned version 1 after client 1's rm had returned with version 2", [1, 3]);
  });

  test("of nothing are refused, and a refusal is a read", () => {
    const refused = { outcome: "fail", refusal: "not-found" } as const;
    ok(rm(0, 1, null, refused), put(2, 3, 1, "a"));
    violated(
      [put(0, 1, 1, "a"), rm(2, 3, null, refused)],
      "client 1's rm was refused (not-found) after client 1's put had returned",
      [0, 1],
    );
  });

  test("that are conditional are refused as finding nothing only where the condition holds", () => {
    const refused = (version: number) => rm(4, 5, null, { outcome: "fail", refusal: "not-found", precondition: { version } });
    ok(put(0, 1, 1, "a"), rm(2, 3, 2), refused(2));
    expect(checkHistory([put(0, 1, 1, "a"), rm(2, 3, 2), refused(1)]).verdict).toBe("violated");
  });

  test("after whose tombstone was erased versions begin at 1 again, where that may have happened", () => {
    const history = [put(0, 1, 1, "a"), rm(2, 3, 2), put(4, 5, 1, "b"), get(6, 7, 1, "b")];
    expect(checkHistory(history).verdict).toBe("violated");
    expect(checkHistory(history, { tombstonesErased: true }).verdict).toBe("ok");
    const resurrected = [...history, get(8, 9, 1, "a")];
    expect(checkHistory(resurrected, { tombstonesErased: true }).verdict).toBe("violated");
  });
});

describe("conditional puts", () => {
  const ifAbsent = { precondition: { absent: true } } as const;

  test("that create have one winner", () => {
    const loser = failedPut(0, 10, "b", { ...ifAbsent, refusal: "exists", version: 1 });
    ok(put(0, 10, 1, "a", ifAbsent), loser, get(20, 30, 1, "a"));
    expect(checkHistory([put(0, 10, 1, "a", ifAbsent), put(0, 10, 2, "b", ifAbsent)]).verdict).toBe("violated");
  });

  test("are not refused because of what was not there yet", () => {
    const loser = failedPut(0, 10, "b", { ...ifAbsent, refusal: "exists" });
    expect(checkHistory([loser, put(20, 30, 1, "a", ifAbsent)]).verdict).toBe("violated");
  });

  test("on a version follow that version", () => {
    const ifFirst = { precondition: { version: 1 } };
    const late = failedPut(4, 5, "c", { ...ifFirst, refusal: "version-differs", version: 2 });
    ok(put(0, 1, 1, "a"), put(2, 3, 2, "b", ifFirst), late);
    expect(checkHistory([put(0, 1, 1, "a"), put(2, 3, 2, "b"), put(4, 5, 3, "c", ifFirst)]).verdict).toBe("violated");
    const wrong = failedPut(2, 3, "c", { ...ifFirst, refusal: "version-differs" });
    expect(checkHistory([put(0, 1, 1, "a"), wrong]).verdict).toBe("violated");
  });
});

describe("earlier versions", () => {
  test("keep their contents, and a restore repeats them", () => {
    const history = [put(0, 1, 1, "a"), put(2, 3, 2, "b"), restore(4, 5, 3, 1)];
    ok(...history, get(6, 7, 3, "a"), get(8, 9, 2, "b", { of: 2 }));
    expect(checkHistory([...history, get(6, 7, 3, "b")]).verdict).toBe("violated");
    expect(checkHistory([...history, get(8, 9, 2, "a", { of: 2 })]).verdict).toBe("violated");
  });

  test("may be missing only where they are not surely kept", () => {
    const history = [put(0, 1, 1, "a"), put(2, 3, 2, "b"), put(4, 5, 3, "c"), get(6, 7, null, null, { of: 2 })];
    expect(checkHistory(history).verdict).toBe("ok");
    expect(checkHistory(history, { keptVersions: 1 }).verdict).toBe("violated");
    expect(checkHistory([put(0, 1, 1, "a"), get(6, 7, null, null, { of: 1 })]).verdict).toBe("violated");
    expect(checkHistory([put(0, 1, 1, "a"), get(6, 7, 2, "b", { of: 2 }), unknownPut(8, "b")]).verdict).toBe("violated");
  });
});

describe("weaker promises", () => {
  test("of eventual reads are not judged", () => {
    const history = [put(0, 1, 1, "a"), put(2, 3, 2, "b"), get(4, 5, 1, "a", { guarantee: "eventual" })];
    expect(checkHistory(history)).toMatchObject({ verdict: "ok", operationsChecked: 2, operationsExempt: 1 });
  });

  test("of early acknowledgements let a put be lost or come late, and its version be another", () => {
    const early = put(0, 1, 1, "a", { guarantee: "early-ack" });
    expect(checkHistory([early, get(2, 3, null, null)])).toMatchObject({ verdict: "ok", operationsOpen: 1 });
    ok(early, put(4, 5, 1, "b"), get(6, 7, 2, "a"));
    expect(checkHistory([early, get(2, 3, 1, "a"), get(4, 5, null, null)]).verdict).toBe("violated");
  });
});

describe("what it costs", () => {
  test("is one step an operation with known versions, whatever the concurrency", () => {
    const history = Array.from({ length: 3000 }, (_, i) => [
      put(10 * i, 10 * i + 5000, i + 1, `v${i + 1}`),
      get(10 * i + 4990, 10 * i + 5010, i + 1, `v${i + 1}`),
    ]).flat();
    expect(checkHistory(history, { stepsMax: 0 }).verdict).toBe("ok");
  });

  test("is little with many unknown outcomes, with violations, and without versions", () => {
    const steps = (histories: readonly RecordedOperation[][]) =>
      histories.reduce((sum, history) => sum + searchOrder(history, SEARCH).steps, 0) / histories.length;
    const sample = (arbitrary: fc.Arbitrary<RecordedOperation[]>) => fc.sample(arbitrary, { numRuns: 200, seed: 5 });
    const shape = { operations: 100, overlap: 8, untold: 40, removals: true };
    expect(steps(sample(trueHistory(shape)))).toBeLessThan(1);
    expect(steps(sample(spoiltHistory(shape)))).toBeLessThan(5);
    const untold = sample(trueHistory({ operations: 40, overlap: 6, untold: 20, removals: true }));
    expect(steps(untold.map((history) => history.map((operation) => ({ ...operation, version: null }))))).toBeLessThan(100);
  });

  test("is bounded: what is given up is never called ok", () => {
    // Two dozen puts at a time without versions, and reads that no order of theirs explains: a search without end.
    const puts = Array.from({ length: 24 }, (_, i) => put(0, 100, null, `v${i}`));
    const gets = Array.from({ length: 24 }, (_, i) => get(0, 100, null, `v${i}`));
    const hard = [...puts, ...gets, get(200, 201, null, "v0"), get(202, 203, null, "v1")];
    const verdict = checkHistory([...hard, put(0, 1, 1, "x", { path: "/easy" })], { fileStepsMax: 10_000 });
    expect(verdict).toMatchObject({ verdict: "unknown", files: 2, filesGivenUp: 1 });
    const twice = [put(0, 300, 26, "y"), put(0, 300, 26, "z")]; // seen without any search
    expect(checkHistory([...hard, ...twice], { fileStepsMax: 10_000 })).toMatchObject({ verdict: "violated", filesGivenUp: 0 });
    const bad = [put(0, 1, 1, "x", { path: "/bad" }), get(2, 3, null, null, { path: "/bad" })];
    expect(checkHistory([...hard, ...bad], { fileStepsMax: 10_000 })).toMatchObject({ verdict: "violated", filesGivenUp: 1 });
  });

  test("is little for a violation among thousands of operations, and it is shown alone", () => {
    const history = Array.from({ length: 2000 }, (_, i) => put(10 * i, 10 * i + 100, i + 1, `v${i + 1}`));
    const stale = get(15_000, 15_100, 1400, "v1400", { client: 7 });
    const [violation] = checkHistory([...history, stale]).violations;
    expect(violation?.operations).toHaveLength(2);
    expect(violation?.operations[1]).toEqual(stale);
    expect(violation?.contradiction).toStartWith("a stale read: it returned version 1400 after client 1's put had returned");
  });
});

test("an operation is shown in one line", () => {
  const shown = [
    put(1_500_000, 2_000_000, 3, "ab", { precondition: { version: 2 } }),
    unknownPut(1_000_000, "cd"),
    failedPut(0, 1_000_000, "ef", { precondition: { absent: true }, refusal: "exists", version: 2 }),
    get(0, 1_000_000, null, null),
    get(0, 1_000_000, 2, "ab", { of: 2, guarantee: "eventual" }),
  ];
  expect(shown.map(operationLine)).toEqual([
    "1.500 … 2.000 ms  client 1  put /d/f if version 2 value ab → version 3",
    "1.000 … ms  client 1  put /d/f value cd → outcome unknown",
    "0.000 … 1.000 ms  client 1  put /d/f if absent value ef → refused: exists, version 2",
    "0.000 … 1.000 ms  client 1  get /d/f → found nothing",
    "0.000 … 1.000 ms  client 1  get /d/f@2 → version 2, value ab (eventual)",
  ]);
});
