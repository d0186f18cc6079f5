/**
 * Contents of which no two are equal, made for the price of a copy: each block names the put that wrote it and the run, so that
 * what is read can be told to be one put's content, all of it, without asking whoever stored it.
 */
import type { Random } from "../ports.ts";

/** A counter (4 bytes, little endian) and the run's tag (4 bytes). */
export const VALUE_ID_BYTES = 8;

const BLOCK_BYTES = 4096;

/** Of each block the counter: it differs between contents, the rest does not. */
const COUNTER_BYTES = 4;

export class Values {
  readonly #template: Buffer;
  #counter = 0;

  constructor(sizeBytes: number, random: Random) {
    const block = Buffer.from(random.hex(2 * BLOCK_BYTES), "hex");
    this.#template = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES)
      this.#template.set(block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at)), at);
  }

  /** A fresh content; contents shorter than the id repeat after 256^size puts. */
  next(): Uint8Array {
    const bytes = new Uint8Array(this.#template);
    const counter = this.#counter++;
    for (let at = 0; at < bytes.byteLength; at += BLOCK_BYTES) {
      for (let byte = 0; byte < COUNTER_BYTES && at + byte < bytes.byteLength; byte++) bytes[at + byte] = counter >>> (8 * byte);
    }
    return bytes;
  }

  /**
   * The id of a content of this run: its first bytes as 16 hex digits, null if it is too short to have one. What is not exactly a
   * content of this run, from one put and whole, gets an id that no put has.
   */
  idOf(bytes: Uint8Array): string | null {
    const id = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(VALUE_ID_BYTES, bytes.byteLength)).toString("hex");
    if (!this.#isWhole(bytes)) return `damaged:${id}:${bytes.byteLength}`;
    return bytes.byteLength < VALUE_ID_BYTES ? null : id;
  }

  #isWhole(content: Uint8Array): boolean {
    const { byteLength } = this.#template;
    if (content.byteLength !== byteLength) return false;
    for (let at = 0; at < byteLength; at += BLOCK_BYTES) {
      for (let byte = 0; byte < COUNTER_BYTES && at + byte < byteLength; byte++) {
        if (content[at + byte] !== content[byte]) return false;
      }
      const [from, to] = [Math.min(at + COUNTER_BYTES, byteLength), Math.min(at + BLOCK_BYTES, byteLength)];
      if (this.#template.compare(content, from, to, from, to) !== 0) return false;
    }
    return true;
  }
}
