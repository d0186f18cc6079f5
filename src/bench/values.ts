/**
 * Contents of which no two are equal, made for the price of a copy: each block names the put that wrote it and the run, and the
 * put's number says how long its content is. So what is read can be told to be one put's content, all of it, without asking whoever
 * stored or wrote it: several processes that share a run tell each other's.
 */
import type { Random } from "../ports.ts";
import { ALL, type Share } from "./share.ts";
import { maxBytesOf, type Sizes, sizeAt } from "./sizes.ts";

/** A counter (4 bytes, little endian) and the run's tag (4 bytes). */
export const VALUE_ID_BYTES = 8;

const BLOCK_BYTES = 4096;

/** Of each block the counter: it differs between contents, the rest does not. */
const COUNTER_BYTES = 4;

/** What the contents of one run consist of, as hex digits. */
export function contentBlock(random: Random): string {
  return random.hex(2 * BLOCK_BYTES);
}

export class Values {
  readonly #sizes: Sizes;
  readonly #template: Buffer;
  /** Drawn for the run: what sizes follow from, beside the put's number. */
  readonly #salt: number;
  readonly #step: number;
  #counter: number;

  /** `block`: from contentBlock. `share`: which of the run's puts are made here. */
  constructor(sizes: Sizes, block: string, share: Share = ALL) {
    const bytes = Buffer.from(block, "hex");
    this.#sizes = sizes;
    this.#template = Buffer.alloc(maxBytesOf(sizes));
    for (let at = 0; at < this.#template.byteLength; at += BLOCK_BYTES)
      this.#template.set(bytes.subarray(0, Math.min(BLOCK_BYTES, this.#template.byteLength - at)), at);
    this.#salt = bytes.readInt32LE(0);
    this.#counter = share.index;
    this.#step = share.of;
  }

  /** A fresh content; contents shorter than the id repeat after 256^size puts. */
  next(): Uint8Array {
    const counter = this.#counter;
    this.#counter += this.#step;
    const bytes = new Uint8Array(this.#template.subarray(0, this.#sizeOf(counter)));
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
    const { byteLength } = content;
    if (byteLength !== this.#sizeOf(counterOf(content))) return false;
    for (let at = 0; at < byteLength; at += BLOCK_BYTES) {
      for (let byte = 0; byte < COUNTER_BYTES && at + byte < byteLength; byte++) {
        if (content[at + byte] !== content[byte]) return false;
      }
      const [from, to] = [Math.min(at + COUNTER_BYTES, byteLength), Math.min(at + BLOCK_BYTES, byteLength)];
      if (this.#template.compare(content, from, to, from, to) !== 0) return false;
    }
    return true;
  }

  #sizeOf(counter: number): number {
    return this.#sizes.kind === "fixed" ? this.#sizes.bytes : sizeAt(this.#sizes, unitOf(counter ^ this.#salt));
  }
}

function counterOf(content: Uint8Array): number {
  let counter = 0;
  for (let byte = 0; byte < COUNTER_BYTES; byte++) counter |= (content[byte] ?? 0) << (8 * byte);
  return counter;
}

/** In [0, 1), as if drawn: the last step of MurmurHash3, which maps 32 bits to 32 bits one to one. */
function unitOf(bits: number): number {
  let mixed = bits | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}
