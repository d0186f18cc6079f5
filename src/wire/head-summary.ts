/**
 * What the catalogue shows of a head, read straight from its bytes. A head is mostly history and window; decoding all of
 * it to show a size and a time costs ten times as much, for every change of the cluster. `head-summary.test.ts`
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
const VERSION = { VERSION: 1, TOMBSTONE: 2, SIZE: 4, MODIFIED: 5, WRITTEN: 6, CHECKSUM: 7, BY: 11 } as const;

/** @throws QdfsError BAD_REQUEST when the bytes are no head */
export function summarizeHead(bytes: Uint8Array): HeadSummary {
  try {
    return readHead(protobuf.Reader.create(bufferOf(bytes)));
  } catch (error) {
    throw new QdfsError("BAD_REQUEST", `not a Head message: ${messageOf(error)}`);
  }
}

function readHead(reader: protobuf.Reader): HeadSummary {
  let current: VersionSummary = emptyVersion();
  let previous: VersionSummary | undefined;
  let storedBytes = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    // Our encoder writes fields in the order of their numbers: what comes now is the window, often the larger half.
    if (field > HEAD.HISTORY) break;
    if (field < HEAD.CURRENT) throw new RangeError("a field without a number");
    const sizeBytes = reader.uint32();
    const version = readVersion(reader, reader.pos + sizeBytes);
    storedBytes += version.sizeBytes;
    if (field === HEAD.CURRENT) current = version;
    else previous ??= version;
  }
  return { current, previous, storedBytes };
}

function readVersion(reader: protobuf.Reader, end: number): VersionSummary {
  if (end > reader.len) throw new RangeError("a version reaches past the end");
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
