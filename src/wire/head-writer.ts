/**
 * Heads to bytes, field by field in the order of their numbers, as protobufjs does it (head-codec.test.ts holds the two together). A head
 * grows by a version and an outcome at a time, and the rest of it, ten times as much, is what was encoded before: that is encoded
 * once in its life. What is new is written straight: a file that is written once has nothing else.
 */
import { DirectWriter } from "./direct-writer.ts";
import type { Head, OperationId, Outcome, Version } from "./messages.ts";

/** Field numbers of head.proto. */
const HEAD = { CURRENT: 1, HISTORY: 2, WINDOW: 3, FORGOTTEN: 4 } as const;
const VARINT = 0;
const DELIMITED = 2;
/** About what a version takes, and an outcome. */
const VERSION_BYTES = 160;
const OUTCOME_BYTES = 40;

const histories = new WeakMap<Version, Uint8Array>();
const windows = new WeakMap<Outcome, Uint8Array>();

export function writeHead({ current, history, window, forgotten }: Head): Buffer {
  const sizeBytes =
    (1 + history.length) * VERSION_BYTES + window.length * OUTCOME_BYTES + (current.chunks?.checksums.length ?? 0);
  const writer = new DirectWriter(sizeBytes);
  part(writer, HEAD.CURRENT, current, writeVersion);
  for (const version of history) writer.encoded(known(histories, HEAD.HISTORY, version, writeVersion));
  for (let i = 0; i < window.length; i += 1) {
    const outcome = window[i];
    if (outcome === undefined) break;
    if (i === window.length - 1) part(writer, HEAD.WINDOW, outcome, writeOutcome);
    else writer.encoded(known(windows, HEAD.WINDOW, outcome, writeOutcome));
  }
  if (forgotten > 0) writer.uint32(tag(HEAD.FORGOTTEN, VARINT)).uint64(forgotten);
  return writer.finish();
}

type Write<T> = (writer: DirectWriter, message: T) => void;

/** A sub-message with its tag and length. */
function part<T>(writer: DirectWriter, field: number, message: T, write: Write<T>): void {
  writer.uint32(tag(field, DELIMITED)).fork();
  write(writer, message);
  writer.ldelim();
}

function known<T extends object>(parts: WeakMap<T, Uint8Array>, field: number, message: T, write: Write<T>): Uint8Array {
  let bytes = parts.get(message);
  if (bytes === undefined) {
    const writer = new DirectWriter();
    part(writer, field, message, write);
    bytes = new Uint8Array(writer.finish()); // what is kept must not hold on to a larger buffer
    parts.set(message, bytes);
  }
  return bytes;
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

function writeVersion(writer: DirectWriter, version: Version): void {
  writer.uint32(tag(1, VARINT)).uint64(version.version).uint32(tag(2, VARINT)).bool(version.tombstone);
  part(writer, 3, version.operation, writeOperation);
  writer.uint32(tag(4, VARINT)).uint64(version.sizeBytes);
  writer.uint32(tag(5, VARINT)).int64(version.modifiedAtMs).uint32(tag(6, VARINT)).int64(version.writtenAtMs);
  writer.uint32(tag(7, DELIMITED)).string(version.checksum).uint32(tag(8, DELIMITED)).string(version.contentType);
  for (const name in version.metadata) {
    writer.uint32(tag(9, DELIMITED)).fork().uint32(tag(1, DELIMITED)).string(name);
    writer
      .uint32(tag(2, DELIMITED))
      .string(version.metadata[name] ?? "")
      .ldelim();
  }
  writer.uint32(tag(10, VARINT)).uint32(version.mode).uint32(tag(11, DELIMITED)).string(version.by);
  const { chunks } = version;
  if (!chunks) return;
  writer.uint32(tag(12, DELIMITED)).fork().uint32(tag(1, DELIMITED)).string(chunks.upload);
  writer.uint32(tag(2, VARINT)).uint32(chunks.chunkSizeBytes).uint32(tag(3, DELIMITED)).bytes(chunks.checksums).ldelim();
}

function writeOperation(writer: DirectWriter, { stamp, random }: OperationId): void {
  writer.uint32(tag(1, VARINT)).uint64(stamp).uint32(tag(2, DELIMITED)).string(random);
}

function writeOutcome(writer: DirectWriter, { operation, refusal, version }: Outcome): void {
  part(writer, 1, operation, writeOperation);
  writer.uint32(tag(2, DELIMITED)).string(refusal).uint32(tag(3, VARINT)).uint64(version);
}
