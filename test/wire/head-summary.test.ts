import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codeOf } from "../../src/base/errors.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { operationsNamed, summarizeHead, versionsNamed } from "../../src/wire/head-summary.ts";
import type { Version } from "../../src/wire/messages.ts";

const number = fc.nat(2 ** 40);
const operation = fc.record({ stamp: number, random: fc.constantFrom("", "00112233445566aa") });
/** Sizes and chunk lists that go together, as the codec wants them. */
const content = fc.oneof(
  fc.record({ sizeBytes: fc.nat(2 ** 40), chunks: fc.constant(null) }),
  fc
    .record({ chunkCount: fc.integer({ min: 1, max: 25 }), chunkSizeBytes: fc.integer({ min: 1, max: 2 ** 20 }) })
    .map(({ chunkCount, chunkSizeBytes }) => ({
      sizeBytes: chunkCount * chunkSizeBytes,
      chunks: { upload: "00112233445566bb", chunkSizeBytes, checksums: new Uint8Array(8 * chunkCount) },
    })),
);
const facts = fc.record({
  version: fc.nat(1000),
  tombstone: fc.boolean(),
  operation,
  modifiedAtMs: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
  writtenAtMs: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
  checksum: fc.string(),
  contentType: fc.string(),
  metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
  mode: fc.nat(0o777),
  by: fc.string(),
});
const version: fc.Arbitrary<Version> = fc.tuple(facts, content).map(([some, more]) => ({ ...some, ...more }));
const heads = fc.record({
  current: version,
  history: fc.array(version, { maxLength: 4 }),
  window: fc.array(fc.record({ operation, refusal: fc.constantFrom("", "NOT_FOUND"), version: fc.nat(9) }), { maxLength: 4 }),
  forgotten: number,
});

const shown = (v: Version | undefined) =>
  v && {
    version: v.version,
    tombstone: v.tombstone,
    sizeBytes: v.sizeBytes,
    modifiedAtMs: v.modifiedAtMs,
    writtenAtMs: v.writtenAtMs,
    checksum: v.checksum,
    by: v.by,
  };

describe("the summary of a head", () => {
  test("agrees with the codec for every head", () => {
    fc.assert(
      fc.property(heads, (head) => {
        const bytes = headCodec.encode(head);
        const decoded = headCodec.decode(bytes);
        const summary = summarizeHead(bytes);
        const named = [decoded.current, ...decoded.history].map((v) => v.operation.random);
        expect(operationsNamed(bytes)).toEqual(named);
        expect(versionsNamed(bytes)).toBe(named.length);
        expect(summary.current).toEqual(shown(decoded.current) ?? summary.current);
        expect(summary.previous).toEqual(shown(decoded.history[0]));
        expect(summary.storedBytes).toBe([decoded.current, ...decoded.history].reduce((sum, v) => sum + v.sizeBytes, 0));
      }),
    );
  });

  test("bytes that are no head are refused, whatever they are", () => {
    const bytes = headCodec.encode({ current: fc.sample(version, 1)[0], history: [], window: [], forgotten: 1 } as never);
    expect(() => summarizeHead(bytes.subarray(0, 5))).toThrow();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        try {
          summarizeHead(garbage);
        } catch (error) {
          expect(codeOf(error)).toBe("BAD_REQUEST");
        }
      }),
    );
  });
});
