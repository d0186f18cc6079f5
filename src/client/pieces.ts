import type { Content } from "./types.ts";

/** A stream of pieces of any size, taken in portions of a size of our own. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;
  #waiting = false;

  constructor(content: Content) {
    this.#pieces = content instanceof Uint8Array ? once(content) : content[Symbol.asyncIterator]();
  }

  /** Fills `target` from its `offset`; the number of bytes there are in it then. Fewer than its length: the stream ended. */
  async fill(target: Uint8Array, offset: number): Promise<number> {
    let filled = offset;
    while (filled < target.length) {
      if (this.#rest.length === 0 && !(await this.#next())) break;
      const piece = this.#rest.subarray(0, target.length - filled);
      target.set(piece, filled);
      filled += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    return filled;
  }

  /** Lets go of a stream that is not read to its end; one that is being waited for is told, and not waited for. */
  async close(): Promise<void> {
    this.#rest = new Uint8Array(0);
    if (this.#ended) return;
    this.#ended = true;
    const returned = this.#pieces.return?.();
    if (this.#waiting) returned?.catch(() => {});
    else await returned;
  }

  async #next(): Promise<boolean> {
    if (this.#ended) return false;
    this.#waiting = true;
    const { done, value } = await this.#pieces.next().finally(() => {
      this.#waiting = false;
    });
    if (done === true) this.#ended = true;
    else this.#rest = value;
    return done !== true;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield bytes;
}
