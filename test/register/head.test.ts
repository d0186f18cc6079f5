import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HISTORY_BYTES_MAX, WINDOW_OPERATIONS } from "../../src/limits.ts";
import { absentHead, decide, isLive, keptVersion } from "../../src/register/head.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { ChunkList, Head, Mutate, OperationId, Version } from "../../src/wire/messages.ts";

let drawn = 0;
function id(stamp = 1_000): OperationId {
  drawn += 1;
  return { stamp, random: drawn.toString(16).padStart(16, "0") };
}

function facts(chunks: ChunkList | null = null): Version {
  return {
    version: 0,
    tombstone: false,
    operation: { stamp: 0, random: "" },
    sizeBytes: chunks === null ? 3 : (chunks.checksums.length / 8) * chunks.chunkSizeBytes,
    modifiedAtMs: 1,
    writtenAtMs: 2,
    checksum: "xxh3:0000000000000000",
    contentType: "",
    metadata: {},
    mode: 0o644,
    by: "test",
    chunks,
  };
}

const base = (operation: OperationId, attempt = 1): Omit<Mutate, "put"> => ({
  path: "/f",
  operation,
  attempt,
  budgetMs: 1,
  ack: 0,
});
const put = (operation = id(), more: Partial<Mutate> = {}): Mutate => ({
  ...base(operation),
  put: { version: facts(), content: new Uint8Array(3) },
  ...more,
});
const remove = (operation = id(), more: Partial<Mutate> = {}): Mutate => ({
  ...base(operation),
  remove: { writtenAtMs: 3, by: "test" },
  ...more,
});
const restore = (version: number, operation = id()): Mutate => ({
  ...base(operation),
  restore: { version, writtenAtMs: 3, by: "test" },
});

const KEEP = 3;
function apply(head: Head, mutate: Mutate): Head {
  const decision = decide(head, mutate, KEEP);
  if (decision.kind !== "changed") throw new Error(`expected a change, got ${decision.kind}`);
  return headCodec.decode(headCodec.encode(decision.head));
}

describe("change functions", () => {
  test("versions are dense: 1, 2, 3 …, deletes and restores included", () => {
    const steps = fc.array(fc.constantFrom("put", "remove", "restore"), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (kinds) => {
        let head = absentHead(0);
        for (const kind of kinds) {
          const before = head.current.version;
          const kept = head.history.find((version) => !version.tombstone)?.version ?? 0;
          const mutate = kind === "put" ? put() : kind === "remove" ? remove() : restore(kept);
          const decision = decide(head, mutate, KEEP);
          if (decision.kind === "refused") {
            expect(decision.head.current.version).toBe(before);
            continue;
          }
          head = apply(head, mutate);
          expect(head.current.version).toBe(before + 1);
          expect(head.history.length).toBeLessThanOrEqual(KEEP);
          expect(head.history.map(({ version }) => version)).toEqual(head.history.map((_, i) => before - i));
        }
      }),
    );
  });

  test("conditions: absent, version, and the version's operation", () => {
    const first = put();
    const one = apply(absentHead(0), first);
    const refusal = (head: Head, mutate: Mutate): string => {
      const decision = decide(head, mutate, KEEP);
      return decision.kind === "refused" ? decision.outcome.refusal : decision.kind;
    };
    expect(refusal(absentHead(0), put(id(), { precondition: { absent: true, version: 0, random: "" } }))).toBe("changed");
    expect(refusal(one, put(id(), { precondition: { absent: true, version: 0, random: "" } }))).toBe("ALREADY_EXISTS");
    expect(refusal(one, put(id(), { precondition: { absent: false, version: 1, random: "" } }))).toBe("changed");
    expect(refusal(one, put(id(), { precondition: { absent: false, version: 2, random: "" } }))).toBe("VERSION_DIFFERS");
    expect(refusal(one, put(id(), { precondition: { absent: false, version: 1, random: first.operation.random } }))).toBe(
      "changed",
    );
    expect(refusal(one, put(id(), { precondition: { absent: false, version: 1, random: "f".repeat(16) } }))).toBe(
      "VERSION_DIFFERS",
    );
    expect(refusal(absentHead(0), remove())).toBe("NOT_FOUND");
    expect(refusal(apply(one, remove()), remove())).toBe("NOT_FOUND");
    expect(refusal(one, restore(9))).toBe("NOT_FOUND");
    const gone = apply(one, remove());
    expect(isLive(gone)).toBe(false);
    expect(refusal(gone, put(id(), { precondition: { absent: true, version: 0, random: "" } }))).toBe("changed");
  });

  test("a restore brings the old facts back under a new number and names the old bytes", () => {
    const one = apply(absentHead(0), put());
    const two = apply(one, put());
    const decision = decide(two, restore(1), KEEP);
    if (decision.kind !== "changed") throw new Error(decision.kind);
    expect(decision.version.version).toBe(3);
    expect(decision.content).toEqual({ from: "version", version: keptVersion(two, 1) ?? two.current });
    expect(decision.head.history.map(({ version }) => version)).toEqual([2, 1]);
  });

  test("the history is bounded by bytes as well as by count, newest first", () => {
    const huge: ChunkList = { upload: "0".repeat(16), chunkSizeBytes: 1, checksums: new Uint8Array(HISTORY_BYTES_MAX / 2) };
    let head = absentHead(0);
    for (let i = 0; i < 5; i += 1) head = apply(head, put(id(), { put: { version: facts(huge), content: new Uint8Array(0) } }));
    expect(head.history).toHaveLength(1);
    expect(head.history[0]?.version).toBe(4);
  });
});

describe("retention by age", () => {
  const putAt = (writtenAtMs: number): Mutate =>
    put(id(), { put: { version: { ...facts(), writtenAtMs }, content: new Uint8Array(3) } });
  const written = [100, 200, 300].reduce((head, ms) => apply(head, putAt(ms)), absentHead(0));
  const keptAfter = (keepSinceMs: number): readonly number[] => {
    const decision = decide(written, putAt(400), 10, keepSinceMs);
    if (decision.kind !== "changed") throw new Error(decision.kind);
    return decision.head.history.map(({ version }) => version);
  };

  test("goes by when a version was superseded, not by when it was written; the last one always stays", () => {
    expect(keptAfter(0)).toEqual([3, 2, 1]);
    expect(keptAfter(200)).toEqual([3, 2, 1]); // 1 was superseded at 200, 2 at 300
    expect(keptAfter(201)).toEqual([3, 2]);
    expect(keptAfter(301)).toEqual([3]);
    expect(keptAfter(1_000_000)).toEqual([3]);
  });

  test("leaves no gap where a writer's clock went back", () => {
    const back = [300, 100, 300].reduce((head, ms) => apply(head, putAt(ms)), absentHead(0));
    const decision = decide(back, putAt(400), 10, 200);
    expect(decision.kind === "changed" && decision.head.history.map(({ version }) => version)).toEqual([3, 2]);
  });
});

describe("exactly once (P12, P13)", () => {
  test("an operation that stands in the window is answered with its outcome, before any precondition", () => {
    const first = put(id(), { precondition: { absent: true, version: 0, random: "" } });
    const one = apply(absentHead(0), first);
    const again = decide(one, { ...first, attempt: 2 }, KEEP);
    expect(again).toMatchObject({ kind: "recorded", outcome: { refusal: "", version: 1 }, version: { version: 1 } });
  });

  test("a recorded refusal stays a refusal after the condition has come true", () => {
    const refused = put(id(), { precondition: { absent: false, version: 2, random: "" }, attempt: 2 });
    const decision = decide(apply(absentHead(0), put()), refused, KEEP);
    if (decision.kind !== "refused") throw new Error(decision.kind);
    expect(decision.head.current.version).toBe(1);
    const later = apply(decision.head, put());
    expect(decide(later, refused, KEEP)).toMatchObject({ kind: "recorded", outcome: { refusal: "VERSION_DIFFERS" } });
  });

  test("a refusal can be recorded for a file that does not exist, and its first version is still 1", () => {
    const decision = decide(absentHead(0), remove(id(), { attempt: 2 }), KEEP);
    if (decision.kind !== "refused") throw new Error(decision.kind);
    const recorded = headCodec.decode(headCodec.encode(decision.head));
    expect(isLive(recorded)).toBe(false);
    expect(apply(recorded, put()).current.version).toBe(1);
    expect(apply(recorded, put()).history).toHaveLength(0);
  });

  test("whatever order of stamps, an operation is never applied twice: in the window, or at or below what was forgotten", () => {
    const stamps = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 * WINDOW_OPERATIONS });
    fc.assert(
      fc.property(stamps, (drawnStamps) => {
        let head = absentHead(0);
        const applied: Mutate[] = [];
        for (const stamp of drawnStamps) {
          const mutate = put(id(stamp));
          const decision = decide(head, mutate, KEEP);
          if (decision.kind === "changed") {
            head = decision.head;
            applied.push(mutate);
          } else expect(decision.kind).toBe("stale");
          expect(head.window.length).toBeLessThanOrEqual(WINDOW_OPERATIONS);
        }
        for (const mutate of applied) expect(decide(head, { ...mutate, attempt: 2 }, KEEP).kind).not.toBe("changed");
      }),
    );
  });
});
