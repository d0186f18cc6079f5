/** Every decoder of the wire and of what is stored in its formats: a value, or BAD_REQUEST. */
import { describe, expect } from "bun:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import { isErrorCode, QdfsError } from "../../src/base/errors.ts";
import { checkedMap } from "../../src/cluster/check-map.ts";
import { configurationOf, nodeOf, replicasOf } from "../../src/cluster/map.ts";
import { distinctSets } from "../../src/cluster/replica-sets.ts";
import { decide } from "../../src/register/head.ts";
import { batchCodec, codecOf, headCodec, mapCodec } from "../../src/wire/codec.ts";
import { errorOf, failureOf } from "../../src/wire/failure.ts";
import { operationsNamed, summarizeHead } from "../../src/wire/head-summary.ts";
import type { Batch, ClusterMap, Failure, Head } from "../../src/wire/messages.ts";
import { root } from "../../src/wire/protos.ts";
import { fuzzing, outcomeOf, valueOr } from "./fuzz.ts";
import {
  anyFields,
  anyMessage,
  changedBytes,
  clusterMap,
  encodePlainly,
  head,
  headBytes,
  MESSAGES,
  SENSIBLE,
} from "./messages.ts";
import { anyText } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const anyType = fc.constantFrom(...MESSAGES);
const garbage = fc.uint8Array({ maxLength: 200 });

/** What a type promises of a decoded message, by its .proto: numbers that are exact, lists, and the parts that are required. */
function expectWhole(type: protobuf.Type, message: object): void {
  const fields = message as Readonly<Record<string, unknown>>;
  for (const field of type.fieldsArray) {
    const value = fields[field.name];
    const values = field.repeated ? (value as readonly unknown[]) : [value];
    for (const one of values) {
      if (typeof one === "number" && field.type !== "double") expect(Number.isSafeInteger(one)).toBe(true);
      if (field.required) expect(one).not.toBeNull();
      if (field.resolvedType instanceof protobuf.Type && one !== null && one !== undefined)
        expectWhole(field.resolvedType, one as object);
    }
  }
}

function decode(name: string, bytes: Uint8Array): object | undefined {
  const message = valueOr(
    outcomeOf(() => codecOf<object>(name).decode(bytes)),
    "BAD_REQUEST",
  );
  if (message !== undefined) expectWhole(root.lookupType(`qdfs.v1.${name}`), message);
  return message;
}

describe("any message type", () => {
  const anything = anyType.chain((name) =>
    fc.tuple(fc.constant(name), fc.oneof(garbage, anyMessage(name), changedBytes(anyMessage(name)))),
  );

  fuzz(
    "whatever the bytes, a decoder gives what its type says, or BAD_REQUEST",
    anything,
    ([name, bytes]) => void decode(name, bytes),
    {
      runs: 1_500,
    },
  );

  fuzz("bytes are read alike from a Buffer and from an array", anything, ([name, bytes]) => {
    const buffer = Buffer.from(bytes);
    const array = new Uint8Array(bytes);
    const shown = (message: object | undefined) => (message === undefined ? undefined : JSON.stringify(message));
    expect(shown(decode(name, buffer))).toBe(shown(decode(name, array)));
  });

  fuzz("what was decoded is encoded and decoded to the same", anything, ([name, bytes]) => {
    const message = decode(name, bytes);
    if (message === undefined) return;
    const again = codecOf<object>(name).decode(codecOf<object>(name).encode(message));
    expect(again).toEqual(message);
  });
});

describe("batches", () => {
  const batch = anyMessage("Batch", SENSIBLE);

  fuzz(
    "the hot path's decoder takes what the careful one takes, and sees the same",
    fc.oneof(garbage, batch, changedBytes(batch)),
    (bytes) => {
      const hot = valueOr(
        outcomeOf(() => batchCodec.decode(bytes)),
        "BAD_REQUEST",
      );
      const careful = valueOr(
        outcomeOf(() => codecOf<Batch>("Batch").decode(bytes)),
        "BAD_REQUEST",
      );
      expect(hot === undefined).toBe(careful === undefined);
      if (hot === undefined || careful === undefined) return;
      expect(codecOf<Batch>("Batch").decode(batchCodec.encode(hot))).toEqual(careful);
    },
  );

  fuzz(
    "deeply nested groups and endless repetitions end",
    fc.tuple(fc.integer({ min: 1, max: 200_000 }), fc.constantFrom(0x0b, 0x1b, 0x83, 0x1a)),
    ([length, byte]) => {
      decode("Batch", new Uint8Array(length).fill(byte));
    },
    { runs: 40 },
  );
});

describe("heads", () => {
  fuzz("a head comes out as it went in", head, (value) => {
    expect(headCodec.decode(headCodec.encode(value))).toEqual(value);
  });

  fuzz(
    "whatever the bytes, a head can be worked with, or is BAD_REQUEST",
    fc.oneof(garbage, anyMessage("Head", SENSIBLE), changedBytes(headBytes)),
    (bytes) => {
      const value = valueOr(
        outcomeOf(() => headCodec.decode(bytes)),
        "BAD_REQUEST",
      );
      const summary = valueOr(
        outcomeOf(() => summarizeHead(bytes)),
        "BAD_REQUEST",
      );
      valueOr(
        outcomeOf(() => operationsNamed(bytes)),
        "BAD_REQUEST",
      );
      if (value === undefined) return;
      const mutate = { path: "/a", operation: { stamp: 2 ** 52, random: "0".repeat(16) }, attempt: 1, budgetMs: 1, ack: 0 };
      for (const change of [
        { remove: { writtenAtMs: 1, by: "" } },
        { restore: { version: value.current.version, writtenAtMs: 1, by: "" } },
      ]) {
        const decision = decide(value, { ...mutate, ...change }, 3);
        if (decision.kind === "changed") headCodec.decode(headCodec.encode(decision.head));
      }
      if (headCodec.encode(value).equals(bytes)) expectSummary(value, summary);
    },
    { runs: 1_000 },
  );

  function expectSummary(value: Head, summary: ReturnType<typeof summarizeHead> | undefined): void {
    const { version, tombstone, sizeBytes, modifiedAtMs, writtenAtMs, checksum, by } = value.current;
    expect(summary?.current).toEqual({ version, tombstone, sizeBytes, modifiedAtMs, writtenAtMs, checksum, by });
  }
});

describe("cluster maps", () => {
  const oddMap = fc
    .tuple(clusterMap, anyFields("ClusterMap"))
    .map(([whole, odd]) => encodePlainly("ClusterMap", { ...whole, ...odd }));

  fuzz("a map comes out as it went in", clusterMap, (value) => {
    expect(checkedMap(mapCodec.decode(mapCodec.encode(value)))).toEqual(value);
  });

  fuzz(
    "whatever the bytes, a map can be gone by, or is BAD_REQUEST",
    fc.oneof(garbage, oddMap, changedBytes(clusterMap.map((value) => mapCodec.encode(value)))),
    (bytes) => {
      const map = valueOr(
        outcomeOf(() => checkedMap(mapCodec.decode(bytes))),
        "BAD_REQUEST",
      );
      if (map !== undefined) goBy(map);
    },
  );

  /** What the rest of the program does with a map. */
  function goBy(map: ClusterMap): void {
    distinctSets(map);
    for (let partition = 0; partition < Math.max(1, map.partitions.length); partition += 64) {
      const configuration = valueOr(
        outcomeOf(() => configurationOf(map, partition)),
        "CLUSTER_WAITING",
      );
      for (const node of configuration === undefined ? [] : replicasOf(configuration)) nodeOf(map, node);
    }
  }
});

describe("failures", () => {
  const failure = fc.record({
    code: fc.oneof(anyText, fc.constantFrom("NOT_FOUND", "CONFLICT")),
    message: anyText,
    details: anyText,
  });

  fuzz("whatever a server says, it is a failure of the table", failure, (said) => {
    const error = errorOf(said);
    expect(error).toBeInstanceOf(QdfsError);
    expect(isErrorCode(error.code)).toBe(true);
  });

  fuzz(
    "a failure comes out as it went in",
    fc.tuple(anyText, fc.dictionary(anyText, fc.jsonValue(), { noNullPrototype: true })),
    ([message, details]) => {
      const codec = codecOf<Failure>("Failure");
      const error = errorOf(codec.decode(codec.encode(failureOf(new QdfsError("QUORUM_UNAVAILABLE", message, details)))));
      expect(error).toMatchObject({ code: "QUORUM_UNAVAILABLE", message: message.toWellFormed() });
      expect(JSON.parse(JSON.stringify(error.details))).toEqual(JSON.parse(JSON.stringify(details)));
    },
  );
});
