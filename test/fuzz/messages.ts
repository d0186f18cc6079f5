/** Messages of qdfs.v1 as strangers may send them: any fields, any values, and bytes that were whole once. */
import fc from "fast-check";
import protobuf from "protobufjs";
import clusterText from "../../proto/qdfs/v1/cluster.proto" with { type: "text" };
import headText from "../../proto/qdfs/v1/head.proto" with { type: "text" };
import sessionText from "../../proto/qdfs/v1/session.proto" with { type: "text" };
import { checksumOf } from "../../src/base/checksum.ts";
import { PARTITIONS } from "../../src/limits.ts";
import { headCodec } from "../../src/wire/codec.ts";
import type { Ballot, ClusterMap, Head, Version } from "../../src/wire/messages.ts";
import { anyText, filePath } from "./texts.ts";

/** The .proto files as anybody would read them: nothing is required, nothing is checked. */
const plain = new protobuf.Root();
for (const text of [headText, sessionText, clusterText]) protobuf.parse(text, plain);
plain.resolveAll();

function typeOf(name: string): protobuf.Type {
  return plain.lookupType(`qdfs.v1.${name}`);
}

/** The names of all message types. */
export const MESSAGES: readonly string[] = (plain.lookup("qdfs.v1") as protobuf.Namespace).nestedArray
  .filter((nested) => nested instanceof protobuf.Type)
  .map(({ name }) => name);

/** Bytes of a message, from whatever fields. */
export function encodePlainly(name: string, fields: object): Uint8Array {
  const type = typeOf(name);
  return type.encode(type.fromObject(fields)).finish();
}

// ------------------------------------------------------------------------------------------------- any fields

const uint32 = fc.oneof(fc.nat(3), fc.nat(), fc.constantFrom(1, 2 ** 31, 2 ** 32 - 1));
const uint64 = fc.oneof(fc.nat(3), fc.maxSafeNat(), fc.constantFrom(2 ** 53, 2 ** 63, 2 ** 64 - 2048));
const int64 = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(-(2 ** 63), 2 ** 62, -1));

export interface Hints {
  /** Instead of any text: values with a chance of being understood, by the field's name. */
  readonly fields?: Readonly<Record<string, fc.Arbitrary<unknown>>>;
}

/** Objects with some of the fields of a message type, down to a few levels. */
export function anyFields(name: string, hints: Hints = {}): fc.Arbitrary<object> {
  return fieldsOf(typeOf(name), hints, 4);
}

function fieldsOf(type: protobuf.Type, hints: Hints, depth: number): fc.Arbitrary<object> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of type.fieldsArray) {
    const hint = field.resolve().resolvedType === null && !field.repeated ? hints.fields?.[field.name] : undefined;
    const value = hint ?? fieldValue(field, hints, depth);
    if (value !== undefined) model[field.name] = value;
  }
  // Of a oneof the last field that is written counts; all of them written is a message too.
  return fc.record(model, { requiredKeys: [] });
}

function fieldValue(field: protobuf.Field, hints: Hints, depth: number): fc.Arbitrary<unknown> | undefined {
  const { resolvedType } = field;
  if (field instanceof protobuf.MapField) return fc.dictionary(anyText, anyText, { maxKeys: 3, noNullPrototype: true });
  if (resolvedType instanceof protobuf.Type && depth === 0) return undefined;
  const one = resolvedType instanceof protobuf.Type ? fieldsOf(resolvedType, hints, depth - 1) : scalarOf(field.type);
  return field.repeated ? fc.array(one, { maxLength: 3 }) : one;
}

function scalarOf(type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case "string":
      return anyText;
    case "bytes":
      return fc.uint8Array({ maxLength: 40 });
    case "bool":
      return fc.boolean();
    case "double":
      return fc.double();
    case "uint32":
      return uint32;
    case "uint64":
      return uint64;
    case "int64":
      return int64;
    default:
      return fc.nat(5); // an enum, unknown values among them
  }
}

/** Encodings of messages with any fields. */
export function anyMessage(name: string, hints: Hints = {}): fc.Arbitrary<Uint8Array> {
  return anyFields(name, hints).map((fields) => encodePlainly(name, fields));
}

// ---------------------------------------------------------------------------------------------- changed bytes

type Edit = (bytes: Uint8Array) => Uint8Array;

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(255)).map(
    ([at, byte]): Edit =>
      (bytes) =>
        bytes.map((old, index) => (index === at % bytes.length ? byte : old)),
  ),
  fc.nat().map(
    (bit): Edit =>
      (bytes) =>
        bytes.map((old, index) => (index === (bit >> 3) % bytes.length ? old ^ (1 << (bit & 7)) : old)),
  ),
  fc.nat().map(
    (end): Edit =>
      (bytes) =>
        bytes.subarray(0, end % (bytes.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 12 })).map(
    ([at, more]): Edit =>
      (bytes) => {
        const place = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, place), more, bytes.subarray(place)]);
      },
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([from, to]): Edit =>
      (bytes) => {
        const part = bytes.subarray(from % (bytes.length + 1), to % (bytes.length + 1));
        return Buffer.concat([bytes, part]);
      },
  ),
);

/** What was a whole encoding, with a few bytes changed, missing or too many. */
export function changedBytes(whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(whole, fc.array(edits, { minLength: 1, maxLength: 3 }))
    .map(([bytes, changes]) => Buffer.from(changes.reduce((now, change) => change(now), bytes)));
}

// ------------------------------------------------------------------------------------------------ whole messages

const count = fc.nat(2 ** 40);
const hex16 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((number) => number.toString(16).padStart(16, "0"));

export const ballot: fc.Arbitrary<Ballot> = fc.record({
  configuration: fc.integer({ min: 1, max: 3 }),
  counter: fc.integer({ min: 1, max: 2 ** 40 }),
  node: fc.integer({ min: 1, max: 7 }),
});
const operation = fc.record({ stamp: count, random: hex16 });

/** A version's size, checksum and chunks, which go together. */
const inline = fc
  .uint8Array({ maxLength: 64 })
  .map((bytes) => ({ sizeBytes: bytes.length, checksum: checksumOf(bytes), chunks: null }));
const chunked = fc
  .record({ upload: hex16, chunkCount: fc.integer({ min: 1, max: 9 }), chunkSizeBytes: fc.integer({ min: 1, max: 2 ** 22 }) })
  .map(({ upload, chunkCount, chunkSizeBytes }) => ({
    sizeBytes: chunkCount * chunkSizeBytes,
    checksum: "xxh3:0123456789abcdef",
    chunks: { upload, chunkSizeBytes, checksums: new Uint8Array(8 * chunkCount) },
  }));

export const version: fc.Arbitrary<Version> = fc
  .tuple(
    fc.record({
      version: fc.nat(1000),
      tombstone: fc.boolean(),
      operation,
      modifiedAtMs: fc.maxSafeInteger(),
      writtenAtMs: fc.maxSafeInteger(),
      contentType: fc.string(),
      metadata: fc.dictionary(anyText.map(wellFormed), anyText.map(wellFormed), { maxKeys: 3, noNullPrototype: true }),
      mode: fc.nat(0o777),
      by: fc.string(),
    }),
    fc.oneof(inline, chunked),
  )
  .map(([facts, content]) => ({ ...facts, ...content }));

/** What UTF-8 can carry. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}

export const head: fc.Arbitrary<Head> = fc.record({
  current: version,
  history: fc.array(version, { maxLength: 3 }),
  window: fc.array(fc.record({ operation, refusal: fc.constantFrom("", "NOT_FOUND", "VERSION_DIFFERS"), version: fc.nat(9) }), {
    maxLength: 4,
  }),
  forgotten: count,
});

export const headBytes: fc.Arbitrary<Uint8Array> = head.map((value) => headCodec.encode(value));

export const clusterMap: fc.Arbitrary<ClusterMap> = fc
  .record({
    n: fc.integer({ min: 1, max: 5 }),
    generation: fc.nat(9),
    version: count,
    assigned: fc.boolean(),
    zone: fc.constantFrom("", "a", "b"),
    waitingFor: fc.string(),
  })
  .map(({ n, generation, version: number, assigned, zone, waitingFor }) => {
    const nodes = Array.from({ length: n }, (_, index) => index + 1);
    const w = Math.floor(n / 2) + 1;
    const sets = [{ nodes, w, r: w, since: [] }];
    return {
      clusterId: "0123456789abcdef",
      generation,
      version: number,
      policy: {
        n,
        w,
        r: w,
        name: "majority",
        chunkSizeBytes: 4096,
        inlineLimitBytes: 1024,
        keepVersions: 3,
        sinceMs: 0,
        tombstoneGraceMs: 0,
        orphanAgeMs: 0,
        keepForMs: 0,
      },
      nodes: nodes.map((node) => ({
        number: node,
        grpc: `127.0.0.1:${7100 + node}`,
        http: `127.0.0.1:${7200 + node}`,
        zone,
        weight: 1,
        state: 0,
        diskId: `disk${node}`,
        standing: 0 as const,
        held: false,
      })),
      partitions: assigned ? Array.from({ length: PARTITIONS }, () => ({ number: 1, sets, recovered: false })) : [],
      supernodes: ["127.0.0.1:7000"],
      waitingFor,
      nextNode: n + 1,
      gone: [],
    };
  });

/** Fields of requests and answers with a chance of meaning something to a cluster of three with the files /f0 … /f3. */
export const SENSIBLE: Hints = {
  fields: {
    path: fc.oneof(
      { weight: 5, arbitrary: fc.nat(3).map((number) => `/f${number}`) },
      { weight: 1, arbitrary: fc.oneof(anyText, filePath) },
    ),
    configuration: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: uint32 }),
    counter: fc.oneof({ weight: 4, arbitrary: fc.nat(3_000_000) }, { weight: 1, arbitrary: fc.maxSafeNat() }),
    head: fc.oneof(headBytes, changedBytes(headBytes), fc.uint8Array({ maxLength: 20 })),
    random: fc.oneof(hex16, anyText),
    stamp: fc.oneof({ weight: 4, arbitrary: fc.nat(3_000_000) }, { weight: 1, arbitrary: fc.maxSafeNat() }),
    budgetMs: fc.nat(2_000),
    waitMs: fc.nat(2_000),
    checksum: fc.oneof(fc.constant(checksumOf(new Uint8Array(0))), anyText),
    sizeBytes: fc.oneof(fc.constant(0), fc.nat(9), fc.maxSafeNat()),
  },
};
