import { describe, expect, test } from "bun:test";
import { differences, explained } from "../../src/chaos/final.ts";
import { failedAndSeen, lostPuts } from "../../src/chaos/judge.ts";
import { Round } from "../../src/chaos/round.ts";
import type { RecordedOperation } from "../../src/check/history.ts";

let now = 0;
function operation(changed: Partial<RecordedOperation>): RecordedOperation {
  now += 10;
  return {
    client: 1,
    kind: "put",
    path: "/a",
    version: null,
    valueId: null,
    callNs: now,
    returnNs: now + 5,
    outcome: "ok",
    ...changed,
  };
}

describe("acknowledged puts", () => {
  const kept = (...versions: number[]) => versions.map((version) => ({ version }));

  test("that are among the kept versions, or older than what is kept, are not lost", () => {
    const recorded = [operation({ version: 1 }), operation({ version: 4 }), operation({ kind: "rm", version: 5 })];
    expect(lostPuts(recorded, "/a", kept(5, 4, 3), 2)).toEqual([]);
  });

  test("that retention would have kept and that are missing, are", () => {
    const lost = lostPuts([operation({ version: 4, valueId: "x" })], "/a", kept(5, 3), 2);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toContain("/a@4");
  });

  test("above the current version are lost, even when the file is gone altogether", () => {
    expect(lostPuts([operation({ version: 7 })], "/a", kept(6, 5), 2)).toHaveLength(1);
    expect(lostPuts([operation({ version: 1 })], "/a", [], 10)).toHaveLength(1);
  });

  test("of other files, of unknown outcome and failed ones claim nothing", () => {
    const recorded = [
      operation({ version: 9, path: "/b" }),
      operation({ outcome: "unknown", returnNs: null }),
      operation({ outcome: "fail" }),
    ];
    expect(lostPuts(recorded, "/a", kept(1), 10)).toEqual([]);
  });
});

describe("what failed for certain", () => {
  test("must not be read", () => {
    const failed = operation({ outcome: "fail", valueId: "bad" });
    expect(failedAndSeen([failed, operation({ kind: "get", version: 3, valueId: "good" })])).toEqual([]);
    expect(failedAndSeen([failed, operation({ kind: "get", version: 3, valueId: "bad" })])).toHaveLength(1);
  });
});

describe("a round", () => {
  test("finds reads of bytes that nobody wrote, and of mixed ones", () => {
    const round = new Round("/chaos/x", 1, 2);
    round.writes("id1", "xxh3:1");
    round.reads("/a", 1, "id1", "xxh3:1");
    expect(round.findings).toEqual([]);
    round.reads("/a", 2, "id1", "xxh3:2");
    round.reads("/a", 3, "id2", "xxh3:1");
    expect(round.findings).toHaveLength(2);
  });
});

describe("at the end", () => {
  const fate = { version: 3, valueId: "c", open: ["d"] };

  test("a file is as it was judged, or an open change has taken effect", () => {
    expect(explained(fate, { version: 3, valueId: "c" })).toBe(true);
    expect(explained(fate, { version: 4, valueId: "d" })).toBe(true);
    expect(explained({ ...fate, open: [null] }, null)).toBe(true);
    expect(explained({ version: null, valueId: null, open: [] }, null)).toBe(true);
  });

  test("anything else is not explained", () => {
    expect(explained(fate, null)).toBe(false);
    expect(explained(fate, { version: 2, valueId: "b" })).toBe(false);
    expect(explained(fate, { version: 3, valueId: "x" })).toBe(false);
    expect(explained(fate, { version: 4, valueId: "e" })).toBe(false);
    expect(explained({ version: null, valueId: null, open: [] }, { version: 1, valueId: "a" })).toBe(false);
  });

  test("the listing and the reads agree, or the difference is told", () => {
    const live = new Map([
      ["/a", 1],
      ["/b", 2],
    ]);
    expect(differences(new Map(live), live)).toEqual([]);
    expect(differences(new Map([["/a", 1]]), live)).toEqual([
      "/b: absent in the final listing, version 2 in the strong read before it",
    ]);
    expect(differences(new Map([...live, ["/c", 1]]), live)).toHaveLength(1);
    expect(differences(new Map([...live, ["/a", 7]]), live)).toHaveLength(1);
  });
});
