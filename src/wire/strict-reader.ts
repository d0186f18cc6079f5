/**
 * Makes protobufjs refuse what it would otherwise pass on in silence: a 64-bit number that a plain number cannot hold exactly
 * (nothing of ours comes near, limits.ts, and SQLite refuses what is beyond its own 64 bits), and a string that is no UTF-8 or
 * reaches past the end of its message. Its two readers, for Buffers and for arrays, differ in the latter: there is one here.
 */
import protobuf from "protobufjs";

/** As Node has it and protobufjs uses it: twice as fast as toString for short strings. */
interface SliceableBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
}

type ReadNumber = (this: protobuf.Reader) => number;

/** To be called after protobuf.configure(), which puts protobufjs's own readers in place. */
export function readStrictly(): void {
  const { int64, uint64 } = protobuf.Reader.prototype as unknown as Readonly<Record<"int64" | "uint64", ReadNumber>>;
  Object.assign(protobuf.Reader.prototype, { int64: exactly(int64), uint64: exactly(uint64) });
  Object.assign(protobuf.BufferReader.prototype, { string: readString });
}

/** The bytes for a strict reader: the same memory as a Buffer. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function exactly(read: ReadNumber): ReadNumber {
  return function readExactly(this: protobuf.Reader): number {
    const value = read.call(this);
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) throw new RangeError(`${value} is out of range`);
    return value;
  };
}

function readString(this: protobuf.BufferReader): string {
  const length = this.uint32();
  const start = this.pos;
  const end = start + length;
  if (end > this.len) throw new RangeError(`index out of range: ${start} + ${length} > ${this.len}`);
  this.pos = end;
  const buffer = this.buf as SliceableBuffer;
  const text = buffer.utf8Slice(start, end);
  // What is no UTF-8 becomes U+FFFD, which may also be meant.
  if (text.includes("\ufffd") && !Buffer.from(text).equals(buffer.subarray(start, end)))
    throw new RangeError("a string is no UTF-8");
  return text;
}
