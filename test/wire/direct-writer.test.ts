/** What the direct writer writes, byte for byte, is what protobufjs's own writer does. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import { DirectWriter } from "../../src/wire/direct-writer.ts";
import { root } from "../../src/wire/protos.ts";
import { anyFields, MESSAGES } from "../fuzz/messages.ts";

function direct(type: protobuf.Type, message: protobuf.Message, sizeBytes?: number): Buffer {
  const writer = new DirectWriter(sizeBytes);
  type.encode(message, Object.assign(Object.create(protobuf.Writer.prototype), delegatesTo(writer)));
  return writer.finish();
}

/** The generated encoders go by the methods alone. */
function delegatesTo(writer: DirectWriter): object {
  const names = ["uint32", "int32", "uint64", "int64", "bool", "double", "string", "bytes", "fork", "ldelim"] as const;
  const delegate: Record<string, unknown> = {};
  for (const name of names) {
    delegate[name] = function (this: unknown, value: never) {
      writer[name](value);
      return this;
    };
  }
  return delegate;
}

function wellFormed(fields: unknown): boolean {
  if (typeof fields === "string") return fields.isWellFormed();
  if (fields instanceof Uint8Array || typeof fields !== "object" || fields === null) return true;
  return Object.entries(fields).every(([name, value]) => name.isWellFormed() && wellFormed(value));
}

describe("the direct writer writes what protobufjs writes, of any", () => {
  test.each(MESSAGES)("%s", (name) => {
    const type = root.lookupType(`qdfs.v1.${name}`);
    const sizes = fc.constantFrom(undefined, 1, 5_000);
    fc.assert(
      fc.property(anyFields(name).filter(wellFormed), sizes, (fields, sizeBytes) => {
        const message = type.fromObject(fields);
        let theirs: Uint8Array;
        try {
          theirs = type.encode(message).finish();
        } catch {
          return; // lacks what is required
        }
        expect(direct(type, message, sizeBytes).equals(theirs)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

test("lengths of every width are in front of what they count, whatever came before", () => {
  const sizes = [0, 1, 11, 12, 13, 47, 48, 49, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152];
  for (const first of sizes) {
    const [ours, theirs] = [new DirectWriter(), protobuf.Writer.create()];
    for (const size of [first, 3, first, 200, first]) {
      const text = "x".repeat(size);
      ours.uint32(10).fork().uint32(18).fork().uint32(26).bytes(Buffer.from(text)).ldelim().uint32(34).string(text).ldelim();
      theirs.uint32(10).fork().uint32(18).fork().uint32(26).bytes(Buffer.from(text)).ldelim().uint32(34).string(text).ldelim();
    }
    expect(ours.finish().equals(theirs.finish())).toBe(true);
  }
});

test("numbers at every edge are written as protobufjs writes them", () => {
  const edges = [0, 1, 127, 128, 2 ** 14, 2 ** 21 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 35, 2 ** 53 - 1];
  for (const edge of edges) {
    expect(new DirectWriter().uint64(edge).int64(edge).finish()).toEqual(
      Buffer.from(protobuf.Writer.create().uint64(edge).int64(edge).finish()),
    );
    expect(new DirectWriter().int64(-edge).finish()).toEqual(Buffer.from(protobuf.Writer.create().int64(-edge).finish()));
  }
});

test("strings of one to four bytes a character, short and long", () => {
  for (const character of ["a", "\u00e9", "\u20ac", "\u{1f600}", "\u0000"]) {
    for (const count of [0, 1, 12, 24, 25, 48, 49, 200]) {
      const text = `x${character.repeat(count)}`;
      expect(new DirectWriter(1).string(text).finish()).toEqual(Buffer.from(protobuf.Writer.create().string(text).finish()));
    }
  }
});
