/** What the puts of a chaos run write: contents of many sizes, each of which names the put that wrote it. */
import { contentBlock, VALUE_ID_BYTES, Values } from "../bench/values.ts";
import { CHUNK_BYTES_DEFAULT, INLINE_BYTES_MAX } from "../limits.ts";
import type { Clock, Random } from "../ports.ts";

/** Inline, the last one just so. */
const SMALL_BYTES = [16, 100, 1_000, 4_096, 20_000, INLINE_BYTES_MAX] as const;
/** In one chunk, the first one just so. */
const MEDIUM_BYTES = [INLINE_BYTES_MAX + 1, 150_000] as const;
const LARGE_BYTES = CHUNK_BYTES_DEFAULT + 100_000;

/** Of the puts. Chunks of dropped versions stay on the disks for a while: an hour must fit there. */
const MEDIUM_SHARE = 0.02;
/** Files of several chunks come at most this often. */
const LARGE_EVERY_MS = 20_000;

/** The id in a content's first bytes as 16 hex digits; shorter contents have none. */
export function valueIdOf(bytes: Uint8Array): string | null {
  if (bytes.byteLength < VALUE_ID_BYTES) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, VALUE_ID_BYTES).toString("hex");
}

export class Contents {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #small: readonly Values[];
  readonly #medium: readonly Values[];
  readonly #large: Values;
  #nextLargeMs: number;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    const valuesOf = (bytes: number) => new Values({ kind: "fixed", bytes }, contentBlock(random));
    this.#small = SMALL_BYTES.map(valuesOf);
    this.#medium = MEDIUM_BYTES.map(valuesOf);
    this.#large = valuesOf(LARGE_BYTES);
    this.#nextLargeMs = clock.monotonicMs();
  }

  /** A fresh content, unlike any other of this run. */
  next(): Uint8Array {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#nextLargeMs) {
      this.#nextLargeMs = nowMs + LARGE_EVERY_MS;
      return this.#large.next();
    }
    const sizes = this.#random.unit() < MEDIUM_SHARE ? this.#medium : this.#small;
    const drawn = sizes[Math.floor(this.#random.unit() * sizes.length)] ?? this.#large;
    return drawn.next();
  }
}
