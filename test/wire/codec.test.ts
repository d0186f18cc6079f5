/** The decoders hold what the types of messages.ts promise, and refuse what they cannot hold. */
import { describe, expect, test } from "bun:test";
import protobuf from "protobufjs";
import { batchCodec, codecOf, headCodec } from "../../src/wire/codec.ts";
import type { UsageRequest, Version } from "../../src/wire/messages.ts";
import { root } from "../../src/wire/protos.ts";
import { refusalOf } from "../refusal.ts";

/** Null is among their values in messages.ts; or, of a Version, codec.ts looks itself. Those of a oneof besides. */
const MAY_BE_ABSENT = new Set([
  "Accept.base",
  "Batch.hello",
  "HeartbeatReply.map",
  "HeartbeatRequest.garbage",
  "HeldRange.ballot",
  "Mutate.precondition",
  "Mutated.version",
  "StatusReply.adaptive",
  "StatusReply.garbage",
  "StatusReply.rebalance",
  "Version.chunks",
  "Version.operation",
]);

/** All sub-messages that stand once in a message, and in no oneof. */
function subMessages(): readonly { readonly type: protobuf.Type; readonly field: protobuf.Field }[] {
  const namespace = root.lookup("qdfs.v1");
  if (!(namespace instanceof protobuf.Namespace)) throw new Error("qdfs.v1");
  const types = namespace.nestedArray.filter((nested) => nested instanceof protobuf.Type);
  return types.flatMap((type) =>
    type.fieldsArray
      .filter((field) => field.resolvedType instanceof protobuf.Type && !field.repeated && field.partOf === null)
      .map((field) => ({ type, field })),
  );
}

describe("a decoder", () => {
  test("refuses a message that lacks a part which its type promises", () => {
    for (const { type, field } of subMessages()) {
      const name = `${type.name}.${field.name}`;
      const others = subMessages().filter((other) => other.type === type && other.field !== field && other.field.required);
      const writer = protobuf.Writer.create();
      for (const { field: other } of others) writer.uint32((other.id << 3) | 2).bytes(smallest(other.resolvedType));
      const lacks = refusalOf(() => codecOf(type.name).decode(writer.finish()));
      expect([name, lacks]).toEqual([name, MAY_BE_ABSENT.has(name) ? undefined : "BAD_REQUEST"]);
    }
  });

  test("refuses a head in which a version lacks its operation", () => {
    const nameless = codecOf<Partial<Version>>("Version").encode({ version: 1 });
    expect(refusalOf(() => headCodec.decode(protobuf.Writer.create().uint32(10).bytes(nameless).finish()))).toBe("BAD_REQUEST");
  });

  test("refuses a head whose chunks do not add up", () => {
    const chunks = { upload: "0123456789abcdef", chunkSizeBytes: 10, checksums: new Uint8Array(16) };
    const operation = { stamp: 1, random: "" };
    const codec = codecOf<{ current: Partial<Version> }>("Head");
    const headOf = (sizeBytes: number, some: object = {}) =>
      codec.encode({ current: { operation, sizeBytes, chunks: { ...chunks, ...some } } });
    expect(headCodec.decode(headOf(11)).current.chunks?.chunkSizeBytes).toBe(10);
    for (const bytes of [
      headOf(10),
      headOf(21),
      headOf(11, { chunkSizeBytes: 0 }),
      headOf(11, { chunkSizeBytes: 2 ** 31 }),
      headOf(11, { checksums: new Uint8Array(15) }),
      headOf(0, { checksums: new Uint8Array(0) }),
      headOf(11, { upload: "../../x" }),
    ]) {
      expect(refusalOf(() => headCodec.decode(bytes))).toBe("BAD_REQUEST");
    }
  });

  test("refuses a number that a plain number cannot hold", () => {
    const counter = (digits: readonly number[]) => Uint8Array.of(8, ...digits);
    const largest = batchCodec.encode({ counter: Number.MAX_SAFE_INTEGER });
    expect(batchCodec.decode(largest).counter).toBe(Number.MAX_SAFE_INTEGER);
    const above = counter([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    const most = counter([255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    for (const bytes of [above, most]) expect(refusalOf(() => batchCodec.decode(bytes))).toBe("BAD_REQUEST");
    const version = codecOf<Partial<Version>>("Version");
    const lowest = version.encode({ modifiedAtMs: Number.MIN_SAFE_INTEGER });
    expect(version.decode(lowest).modifiedAtMs).toBe(Number.MIN_SAFE_INTEGER);
    const below = Uint8Array.of(40, 255, 255, 255, 255, 255, 255, 255, 255, 128, 1);
    expect(refusalOf(() => version.decode(below))).toBe("BAD_REQUEST");
  });

  test("refuses a string that is no UTF-8, in whatever its bytes come", () => {
    const codec = codecOf<UsageRequest>("UsageRequest");
    for (const bad of [[0xff], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98], [0xc0, 0xaf]]) {
      const bytes = Buffer.of(10, bad.length, ...bad);
      for (const same of [bytes, new Uint8Array(bytes)]) expect(refusalOf(() => codec.decode(same))).toBe("BAD_REQUEST");
    }
    expect(codec.decode(codec.encode({ prefix: "/\ufffd" })).prefix).toBe("/\ufffd");
  });

  test("refuses a string that is cut off, in whatever its bytes come", () => {
    const codec = codecOf<UsageRequest>("UsageRequest");
    const whole = codec.encode({ prefix: "/photos" });
    for (const bytes of [whole, new Uint8Array(whole)]) {
      expect(codec.decode(bytes).prefix).toBe("/photos");
      expect(refusalOf(() => codec.decode(bytes.subarray(0, -3)))).toBe("BAD_REQUEST");
    }
  });
});

/** The bytes of the smallest message of a type that is taken. */
function smallest(type: protobuf.Type | protobuf.Enum | null): Uint8Array {
  const writer = protobuf.Writer.create();
  if (type instanceof protobuf.Type) {
    for (const { field } of subMessages().filter((sub) => sub.type === type && sub.field.required)) {
      writer.uint32((field.id << 3) | 2).bytes(smallest(field.resolvedType));
    }
  }
  return writer.finish();
}
