/**
 * A head from its bytes, the short way: straight into the object that it becomes. The way through protobufjs makes an object of its own
 * kind for every part, and copies them; every read of a file decodes a head. What this one does not know for certain it does not
 * judge: bytes that are not just as our encoder writes them (a field out of its order, twice or unknown, metadata, a text
 * that may be no UTF-8, a number out of range, a length that does not add up) are left to the strict decoder (codec.ts).
 */
import type { ChunkList, Head, OperationId, Outcome, Version } from "./messages.ts";

/** As Node has it: half the time of toString for short strings. */
interface SliceableBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
}

/** Thrown, and caught here: it is the other decoder's. */
const UNUSUAL = new Error("not as our encoder writes heads");

/** Undefined: ask the strict decoder, which may well find that it is a head. Byte fields are views into `bytes`. */
export function readUsualHead(bytes: Buffer): Head | undefined {
  try {
    return new HeadReader(bytes).head();
  } catch (error) {
    if (error === UNUSUAL) return undefined;
    throw error;
  }
}

const VARINT = 0;
const DELIMITED = 2;
const UINT32_MAX = 2 ** 32 - 1;
/** The longest varint that is looked at here has 8 bytes. */
const SCALE_MAX = 2 ** 49;

class HeadReader {
  readonly #bytes: SliceableBuffer;
  #at = 0;
  /** Where the message under way ends. */
  #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes as SliceableBuffer;
    this.#end = bytes.length;
  }

  head(): Head {
    const history: Version[] = [];
    const window: Outcome[] = [];
    if (!this.#has(1, DELIMITED)) throw UNUSUAL;
    const current = this.#within(HeadReader.#version);
    while (this.#has(2, DELIMITED)) history.push(this.#within(HeadReader.#version));
    while (this.#has(3, DELIMITED)) window.push(this.#within(HeadReader.#outcome));
    const forgotten = this.#has(4, VARINT) ? this.#number() : 0;
    if (this.#at !== this.#end) throw UNUSUAL;
    return { current, history, window, forgotten };
  }

  static #version(reader: HeadReader): Version {
    const version = reader.#has(1, VARINT) ? reader.#number() : 0;
    const tombstone = reader.#has(2, VARINT) && reader.#bool();
    if (!reader.#has(3, DELIMITED)) throw UNUSUAL;
    const operation = reader.#within(HeadReader.#operation);
    const sizeBytes = reader.#has(4, VARINT) ? reader.#number() : 0;
    const modifiedAtMs = reader.#has(5, VARINT) ? reader.#number() : 0;
    const writtenAtMs = reader.#has(6, VARINT) ? reader.#number() : 0;
    const checksum = reader.#has(7, DELIMITED) ? reader.#text() : "";
    const contentType = reader.#has(8, DELIMITED) ? reader.#text() : "";
    const mode = reader.#has(10, VARINT) ? reader.#uint32() : 0;
    const by = reader.#has(11, DELIMITED) ? reader.#text() : "";
    const chunks = reader.#has(12, DELIMITED) ? reader.#within(HeadReader.#chunks) : null;
    return {
      version,
      tombstone,
      operation,
      sizeBytes,
      modifiedAtMs,
      writtenAtMs,
      checksum,
      contentType,
      metadata: {},
      mode,
      by,
      chunks,
    };
  }

  static #operation(reader: HeadReader): OperationId {
    const stamp = reader.#has(1, VARINT) ? reader.#number() : 0;
    return { stamp, random: reader.#has(2, DELIMITED) ? reader.#text() : "" };
  }

  static #outcome(reader: HeadReader): Outcome {
    if (!reader.#has(1, DELIMITED)) throw UNUSUAL;
    const operation = reader.#within(HeadReader.#operation);
    const refusal = reader.#has(2, DELIMITED) ? reader.#text() : "";
    return { operation, refusal, version: reader.#has(3, VARINT) ? reader.#number() : 0 };
  }

  static #chunks(reader: HeadReader): ChunkList {
    if (!reader.#has(1, DELIMITED)) throw UNUSUAL;
    const upload = reader.#text();
    if (!reader.#has(2, VARINT)) throw UNUSUAL;
    const chunkSizeBytes = reader.#uint32();
    if (!reader.#has(3, DELIMITED)) throw UNUSUAL;
    const end = reader.#delimitedEnd();
    const checksums = reader.#bytes.subarray(reader.#at, end);
    reader.#at = end;
    return { upload, chunkSizeBytes, checksums };
  }

  /** The field comes next, and its tag is behind us now. All that we use are below 16, so tags take a byte. */
  #has(field: number, wireType: number): boolean {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== ((field << 3) | wireType)) return false;
    this.#at += 1;
    return true;
  }

  /** A sub-message, which takes all of its length. */
  #within<T>(read: (reader: HeadReader) => T): T {
    const outer = this.#end;
    this.#end = this.#delimitedEnd();
    const value = read(this);
    if (this.#at !== this.#end) throw UNUSUAL;
    this.#end = outer;
    return value;
  }

  #delimitedEnd(): number {
    const sizeBytes = this.#number();
    const end = this.#at + sizeBytes;
    if (end > this.#end) throw UNUSUAL;
    return end;
  }

  #number(): number {
    let value = 0;
    for (let scale = 1; scale <= SCALE_MAX && this.#at < this.#end; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte > 127) continue;
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    throw UNUSUAL;
  }

  #uint32(): number {
    const value = this.#number();
    if (value > UINT32_MAX) throw UNUSUAL;
    return value;
  }

  #bool(): boolean {
    const value = this.#number();
    if (value > 1) throw UNUSUAL;
    return value === 1;
  }

  #text(): string {
    const end = this.#delimitedEnd();
    if (end === this.#at) return "";
    const text = this.#bytes.utf8Slice(this.#at, end);
    if (text.includes("\ufffd")) throw UNUSUAL; // it may be no UTF-8
    this.#at = end;
    return text;
  }
}
