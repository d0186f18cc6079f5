/**
 * What the catalogue shows of a head, and what a replica must know of it, read straight from its bytes. A head is mostly history
 * and window; decoding all of it costs ten times as much, for every change of the cluster. `head-summary.test.ts`
 * holds this against the codec and against head.proto's field numbers.
 */
import protobuf from "protobufjs";
import { messageOf, QdfsError } from "../base/errors.ts";
import "./protos.ts"; // configures protobufjs: 64-bit fields are plain numbers
import { bufferOf } from "./strict-reader.ts";

export interface VersionSummary {
  version: number;
  tombstone: boolean;
  sizeBytes: number;
  modifiedAtMs: number;
  writtenAtMs: number;
  checksum: string;
  by: string;
}

export interface HeadSummary {
  /** Version 0: nothing was ever written, the head only carries recorded refusals. */
  readonly current: VersionSummary;
  /** The newest of the kept earlier versions. */
  readonly previous: VersionSummary | undefined;
  /** Of all kept versions, the current one included; one copy. */
  readonly storedBytes: number;
}

/** Field numbers of head.proto. */
const HEAD = { CURRENT: 1, HISTORY: 2 } as const;
const VERSION = { VERSION: 1, TOMBSTONE: 2, OPERATION: 3, SIZE: 4, MODIFIED: 5, WRITTEN: 6, CHECKSUM: 7, BY: 11 } as const;
const OPERATION = { RANDOM: 2 } as const;

/** @throws QdfsError BAD_REQUEST when the bytes are no head */
export function summarizeHead(bytes: Uint8Array): HeadSummary {
  return reading(bytes, readHead);
}

/**
 * The operations (their `random`) that made the versions which a head names, the current one's first: what a replica keeps the
 * inline bytes of when the head is known chosen (P23).
 * @throws QdfsError BAD_REQUEST when the bytes are no head
 */
export function operationsNamed(bytes: Uint8Array, most = Number.POSITIVE_INFINITY): string[] {
  return reading(bytes, (reader) => {
    const operations: string[] = [];
    for (let end = nextVersion(reader); end !== undefined && operations.length < most; end = nextVersion(reader)) {
      operations.push(readOperation(reader, end));
      reader.pos = end;
    }
    return operations;
  });
}

/** How many versions a head names. @throws QdfsError BAD_REQUEST when the bytes are no head */
export function versionsNamed(bytes: Uint8Array): number {
  return reading(bytes, (reader) => {
    let count = 0;
    for (let end = nextVersion(reader); end !== undefined; end = nextVersion(reader)) {
      count += 1;
      reader.pos = end;
    }
    return count;
  });
}

function reading<T>(bytes: Uint8Array, read: (reader: protobuf.Reader) => T): T {
  try {
    return read(protobuf.Reader.create(bufferOf(bytes)));
  } catch (error) {
    throw new QdfsError("BAD_REQUEST", `not a Head message: ${messageOf(error)}`);
  }
}

/** Moves to the content of the next version, and says where it ends. Undefined: there is none. */
function nextVersion(reader: protobuf.Reader): number | undefined {
  if (reader.pos >= reader.len) return undefined;
  const field = reader.uint32() >>> 3;
  if (field < HEAD.CURRENT) throw new RangeError("a field without a number");
  // Our encoder writes fields in the order of their numbers: what comes now is the window, often the larger half.
  if (field > HEAD.HISTORY) return undefined;
  const sizeBytes = reader.uint32();
  const end = reader.pos + sizeBytes;
  if (end > reader.len) throw new RangeError("a version reaches past the end");
  return end;
}

/** The `random` of the operation of the version that ends at `end`. */
function readOperation(reader: protobuf.Reader, end: number): string {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 !== VERSION.OPERATION) {
      reader.skipType(tag & 7);
      continue;
    }
    const sizeBytes = reader.uint32();
    const operationEnd = reader.pos + sizeBytes;
    while (reader.pos < operationEnd) {
      const inner = reader.uint32();
      if (inner >>> 3 === OPERATION.RANDOM) return reader.string();
      reader.skipType(inner & 7);
    }
    return "";
  }
  throw new RangeError("a version without its operation");
}

function readHead(reader: protobuf.Reader): HeadSummary {
  let current: VersionSummary | undefined;
  let previous: VersionSummary | undefined;
  let storedBytes = 0;
  for (let end = nextVersion(reader); end !== undefined; end = nextVersion(reader)) {
    const version = readVersion(reader, end);
    storedBytes += version.sizeBytes;
    if (current === undefined) current = version;
    else previous ??= version;
  }
  return { current: current ?? emptyVersion(), previous, storedBytes };
}

function readVersion(reader: protobuf.Reader, end: number): VersionSummary {
  const version = emptyVersion();
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case VERSION.VERSION:
        version.version = Number(reader.uint64());
        break;
      case VERSION.TOMBSTONE:
        version.tombstone = reader.bool();
        break;
      case VERSION.SIZE:
        version.sizeBytes = Number(reader.uint64());
        break;
      case VERSION.MODIFIED:
        version.modifiedAtMs = Number(reader.int64());
        break;
      case VERSION.WRITTEN:
        version.writtenAtMs = Number(reader.int64());
        break;
      case VERSION.CHECKSUM:
        version.checksum = reader.string();
        break;
      case VERSION.BY:
        version.by = reader.string();
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  return version;
}

function emptyVersion(): VersionSummary {
  return { version: 0, tombstone: false, sizeBytes: 0, modifiedAtMs: 0, writtenAtMs: 0, checksum: "", by: "" };
}
