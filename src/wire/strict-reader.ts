/**
 * Makes protobufjs refuse what it would otherwise pass on in silence: a 64-bit number that a plain number cannot hold exactly
 * (nothing of ours comes near, limits.ts, and SQLite refuses what is beyond its own 64 bits), and a string that reaches past
 * the end of its message (protobufjs cuts it off when the bytes are a Buffer's, and only then).
 */
import protobuf from "protobufjs";

interface Bytes {
  /** What protobufjs itself calls for strings; a Buffer's. */
  utf8Slice(start: number, end: number): string;
}

type ReadNumber = (this: protobuf.Reader) => number;

/** To be called after protobuf.configure(), which puts protobufjs's own readers in place. */
export function readStrictly(): void {
  const { int64, uint64 } = protobuf.Reader.prototype as unknown as Readonly<Record<"int64" | "uint64", ReadNumber>>;
  Object.assign(protobuf.Reader.prototype, { int64: exactly(int64), uint64: exactly(uint64) });
  Object.assign(protobuf.BufferReader.prototype, { string: readString });
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
  if (start + length > this.len) throw new RangeError(`index out of range: ${start} + ${length} > ${this.len}`);
  this.pos = start + length;
  return (this.buf as Uint8Array & Bytes).utf8Slice(start, this.pos);
}
