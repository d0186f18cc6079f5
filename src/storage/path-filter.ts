/**
 * Says of most paths that are not in a set that they are not (Bloom 1970), so that a new file costs no look-up in a table of all others.
 * What was added is always held; of what was not, about one in a hundred is taken for held, however many there are: full parts
 * stay as they are, and each new one has room for twice as many. 2 to 4 bytes a path. Nothing is ever taken out: when files
 * come and go until PATH_FILTER_BYTES are not enough, it takes everything for held.
 */
import type { Path } from "../base/ids.ts";
import { PATH_FILTER_BYTES } from "../limits.ts";

const FIRST_PATHS = 2 ** 16;
const BITS_PER_PATH = 16;
const PROBES = 4;
/** Of the second hash: any number but 0, the first one's. */
const SEED = 1;

interface Part {
  readonly bits: Uint32Array;
  /** So many more paths may be added. */
  room: number;
}

export class PathFilter {
  readonly #bytesMax: number;
  /** The youngest first: it has half of all. */
  readonly #parts: Part[] = [newPart(FIRST_PATHS)];
  #full = false;

  constructor(bytesMax = PATH_FILTER_BYTES) {
    this.#bytesMax = bytesMax;
  }

  add(path: Path): void {
    const first = Bun.hash.xxHash32(path);
    const step = stepOf(path);
    if (this.#holds(first, step)) return;
    const bits = this.#bitsForOneMore();
    if (bits === undefined) return;
    let hash = first;
    for (let probe = 0; probe < PROBES; probe += 1, hash = (hash + step) >>> 0) {
      const word = wordOf(bits, hash);
      bits[word] = (bits[word] ?? 0) | (1 << hash);
    }
  }

  /** False: it was never added. */
  mayHold(path: Path): boolean {
    return this.#holds(Bun.hash.xxHash32(path), stepOf(path));
  }

  #holds(first: number, step: number): boolean {
    if (this.#full) return true;
    for (const { bits } of this.#parts) if (allSet(bits, first, step)) return true;
    return false;
  }

  #bitsForOneMore(): Uint32Array | undefined {
    let [part] = this.#parts;
    if (part === undefined || part.room === 0) {
      const paths = FIRST_PATHS * 2 ** this.#parts.length;
      this.#full = (2 * paths * BITS_PER_PATH) / 8 > this.#bytesMax;
      if (this.#full) return undefined;
      part = newPart(paths);
      this.#parts.unshift(part);
    }
    part.room -= 1;
    return part.bits;
  }
}

function newPart(paths: number): Part {
  return { bits: new Uint32Array((paths * BITS_PER_PATH) / 32), room: paths };
}

/** Odd, so that the probes of a path are different bits (Kirsch and Mitzenmacher 2006: two hashes are as good as many). */
function stepOf(path: Path): number {
  return Bun.hash.xxHash32(path, SEED) | 1;
}

function allSet(bits: Uint32Array, first: number, step: number): boolean {
  let hash = first;
  for (let probe = 0; probe < PROBES; probe += 1, hash = (hash + step) >>> 0) {
    if (((bits[wordOf(bits, hash)] ?? 0) & (1 << hash)) === 0) return false;
  }
  return true;
}

/** Which word has the bit of a hash: its lowest five digits say which bit of it, the next ones which word. Sizes are powers of two. */
function wordOf(bits: Uint32Array, hash: number): number {
  return (hash >>> 5) & (bits.length - 1);
}
