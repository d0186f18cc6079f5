/** Contents of which no two are equal, made for the price of a copy: the first bytes name the put that wrote them. */
import type { Random } from "../ports.ts";

/** A counter (4 bytes, little endian) and the run's tag (4 bytes). */
export const VALUE_ID_BYTES = 8;

const BLOCK_BYTES = 4096;

/** The id in a content's first bytes as 16 hex digits; shorter contents have none. */
export function valueIdOf(bytes: Uint8Array): string | null {
  if (bytes.byteLength < VALUE_ID_BYTES) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, VALUE_ID_BYTES).toString("hex");
}

export class Values {
  readonly #template: Uint8Array;
  #counter = 0;

  constructor(sizeBytes: number, random: Random) {
    const block = Buffer.from(random.hex(2 * BLOCK_BYTES), "hex");
    this.#template = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES)
      this.#template.set(block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at)), at);
  }

  /** A fresh content; contents shorter than the id repeat after 256^size puts. */
  next(): Uint8Array {
    const bytes = this.#template.slice();
    const counter = this.#counter++;
    bytes[0] = counter;
    if (bytes.byteLength > 1) bytes[1] = counter >>> 8;
    if (bytes.byteLength > 2) bytes[2] = counter >>> 16;
    if (bytes.byteLength > 3) bytes[3] = counter >>> 24;
    return bytes;
  }
}
