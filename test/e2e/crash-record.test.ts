/** The judge of the crash test must find what it is there for. */
import { expect, test } from "bun:test";
import { CrashRecord } from "./crash-record.ts";

function judged(story: (record: CrashRecord) => void): string {
  const record = new CrashRecord();
  story(record);
  return record.violations().join("\n");
}

test("a run without faults is allowed", () => {
  const verdict = judged((record) => {
    record.put("/a", record.floor("/a"), "x1", "ok", 1);
    record.read("/a", record.floor("/a"), 1, "x1");
    record.put("/a", record.floor("/a"), "x2", "ok", 2);
    record.read("/a", record.floor("/a"), 2, "x2");
    record.kept("/a", 1, "x1");
    record.listed(new Set(["/a"]));
  });
  expect(verdict).toBe("");
});

test("a put of unknown outcome may be visible, late, or never", () => {
  const verdict = judged((record) => {
    record.put("/a", record.floor("/a"), "x1", "unknown");
    record.put("/a", record.floor("/a"), "x2", "ok", 1);
    record.read("/a", 1, 2, "x1");
    record.put("/b", record.floor("/b"), "y", "unknown");
    record.read("/b", 0, 0, "");
    record.put("/c", record.floor("/c"), "z", "fail");
    record.listed(new Set(["/a"]));
  });
  expect(verdict).toBe("");
});

test("a lost put is found", () => {
  expect(
    judged((record) => {
      record.put("/a", record.floor("/a"), "x1", "ok", 1);
      record.read("/a", record.floor("/a"), 0, "");
    }),
  ).toContain("returned version 0 after version 1");
});

test("a read that goes back is found", () => {
  expect(
    judged((record) => {
      record.put("/a", record.floor("/a"), "x1", "ok", 1);
      record.put("/a", record.floor("/a"), "x2", "unknown");
      record.read("/a", 1, 2, "x2");
      record.read("/a", record.floor("/a"), 1, "x1");
    }),
  ).toContain("returned version 1 after version 2");
});

test("wrong bytes are found", () => {
  expect(
    judged((record) => {
      record.put("/a", record.floor("/a"), "x1", "ok", 1);
      record.read("/a", 1, 1, "x9");
    }),
  ).toContain("seen as x1 and as x9");
});

test("a refused put that is visible is found, even when the refusal comes later", () => {
  expect(
    judged((record) => {
      record.read("/a", 0, 1, "x1");
      record.put("/a", record.floor("/a"), "x1", "fail");
    }),
  ).toContain("was refused, and is visible");
});

test("a put that was applied twice is found", () => {
  expect(
    judged((record) => {
      record.put("/a", record.floor("/a"), "x1", "unknown");
      record.read("/a", 0, 1, "x1");
      record.read("/a", 1, 2, "x1");
    }),
  ).toContain("one put became versions 1 and 2");
});

test("a listing that misses a file, or shows a refused one, is found", () => {
  const verdict = judged((record) => {
    record.put("/a", record.floor("/a"), "x1", "ok", 1);
    record.put("/b", record.floor("/b"), "x2", "fail");
    record.listed(new Set(["/b", "/c"]));
  });
  expect(verdict).toContain("/a: acknowledged or read, and not listed");
  expect(verdict).toContain("/b: every put was refused, and it is listed");
  expect(verdict).toContain("/c: listed, and nobody put it");
});

test("a version that is given out twice is found", () => {
  expect(
    judged((record) => {
      record.put("/a", record.floor("/a"), "x1", "ok", 1);
      record.put("/a", record.floor("/a"), "x2", "ok", 1);
    }),
  ).toContain("acknowledged as version 1 after version 1");
});
