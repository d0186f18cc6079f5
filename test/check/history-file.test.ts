import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codeOf, messageOf } from "../../src/base/errors.ts";
import { historyLine, parseHistoryLine } from "../../src/check/history-file.ts";
import { trueHistory } from "./arbitrary.ts";
import { failedPut, get, ls, put, restore, unknownPut } from "./write.ts";

const shape = { operations: 20, overlap: 3, untold: 30, removals: true };

describe("a line of a history", () => {
  test("comes back as it was written", () => {
    fc.assert(
      fc.property(trueHistory(shape), (history) => {
        for (const operation of history) expect(parseHistoryLine(historyLine(operation))).toEqual(operation);
      }),
    );
    const others = [
      failedPut(0, 1, "a", { precondition: { version: 3 }, refusal: "version-differs", version: 4 }),
      put(0, 1, 1, "a", { precondition: { absent: true }, guarantee: "early-ack" }),
      unknownPut(5, "b"),
      get(1, 2, 3, "c", { of: 3 }),
      restore(1, 2, 4, 3),
      ls(1, 2, [1], { complete: false, guarantee: "eventual" }),
    ];
    for (const recorded of others) expect(parseHistoryLine(historyLine(recorded))).toEqual(recorded);
  });

  test("is what bench --history writes", () => {
    const line = `{"client":1,"kind":"get","path":"/f","version":null,"valueId":null,"callNs":1,"returnNs":2,"outcome":"ok"}`;
    expect(parseHistoryLine(line)).toEqual(get(1, 2, null, null, { path: "/f" }));
  });

  const good = { client: 1, kind: "put", path: "/f", version: 1, valueId: "a", callNs: 1, returnNs: 2, outcome: "ok" };
  test.each([
    ["", "it is not JSON"],
    ["[]", "not a JSON object"],
    ["3", "not a JSON object"],
    [{ ...good, kind: "copy" }, `"kind" is "copy", not one of put, get, rm, restore, ls`],
    [{ ...good, client: "1" }, `"client" is not a number`],
    [{ ...good, path: 7 }, `"path" is not a text`],
    [{ ...good, version: 1.5 }, `"version" is not a version number`],
    [{ ...good, version: -1 }, `"version" is not a version number`],
    [{ ...good, returnNs: null }, `"returnNs" is null if and only if the outcome is unknown`],
    [{ ...good, outcome: "unknown" }, `"returnNs" is null if and only if the outcome is unknown`],
    [{ ...good, returnNs: 0 }, `"returnNs" is before "callNs"`],
    [{ ...good, refusal: "exists" }, `"refusal" belongs to the outcome fail`],
    [{ ...good, precondition: { absent: false } }, `"absent" can only be true`],
    [{ ...good, precondition: null }, "not a JSON object"],
    [{ ...good, guarantee: "some" }, `"guarantee" is "some"`],
    [{ ...good, kind: "restore" }, `"of" is not a number`],
    [{ ...good, kind: "ls" }, `"entries" is not a list`],
    [{ ...good, kind: "ls", entries: [{ path: "/f" }] }, `"version" is not a number`],
  ])("%j is refused in words", (line, message) => {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    expect(() => parseHistoryLine(text)).toThrow(message);
  });

  test("that is anything else is refused with a code, whatever it is", () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object().map((value) => JSON.stringify({ ...good, ...value })),
    );
    fc.assert(
      fc.property(line, (text) => {
        try {
          parseHistoryLine(text);
        } catch (error) {
          expect([codeOf(error), messageOf(error)]).toEqual(["BAD_USAGE", expect.any(String)]);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
