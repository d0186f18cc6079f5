/** Heads are written and read by code of our own, for speed: it is to do what protobufjs does, byte for byte. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codecOf, headCodec } from "../../src/wire/codec.ts";
import { readUsualHead } from "../../src/wire/head-reader.ts";
import type { Head } from "../../src/wire/messages.ts";
import { bufferOf } from "../../src/wire/strict-reader.ts";
import { head, headBytes } from "../fuzz/messages.ts";
import { refusalOf } from "../refusal.ts";

const strict = codecOf<Head>("Head");
const usual = head.map(({ current, ...rest }) => ({ ...rest, current: { ...current, metadata: {} }, history: [] }));

describe("a head", () => {
  test("is written as protobufjs writes it, a second time from parts that were kept too", () => {
    fc.assert(
      fc.property(head, (value) => {
        // protobufjs writes a field that is there, whatever it holds; nothing forgotten is left out.
        const { forgotten, ...rest } = value;
        const bytes = strict.encode((forgotten > 0 ? value : rest) as Head);
        expect(headCodec.encode(value).equals(bytes)).toBe(true);
        expect(headCodec.encode(value).equals(bytes)).toBe(true);
      }),
    );
  });

  test("that is as our encoder writes it is read without protobufjs, and comes out the same", () => {
    fc.assert(
      fc.property(usual, (value) => {
        const bytes = headCodec.encode(value);
        const negative = value.current.modifiedAtMs < 0 || value.current.writtenAtMs < 0;
        const read = readUsualHead(bytes);
        if (!negative) expect(read).toBeDefined();
        if (read !== undefined) expect(read).toEqual(strict.decode(bytes));
      }),
    );
  });

  test("whose bytes were damaged is read as protobufjs reads it, or refused as it is refused", () => {
    const damaged = fc.tuple(headBytes, fc.nat(), fc.nat(255), fc.nat(3)).map(([bytes, at, byte, cut]) => {
      const changed = Buffer.from(bytes.subarray(0, bytes.length - cut));
      if (changed.length > 0) changed[at % changed.length] = byte;
      return changed;
    });
    fc.assert(
      fc.property(damaged, (bytes) => {
        const read = readUsualHead(bufferOf(bytes));
        if (read === undefined) return;
        expect(refusalOf(() => strict.decode(bytes))).toBeUndefined();
        expect(read).toEqual(strict.decode(bytes));
      }),
      { numRuns: 20_000 },
    );
  });
});
