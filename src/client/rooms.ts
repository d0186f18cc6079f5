/**
 * Memory for the chunks of one transfer, used again and again: new memory for each would cost more than moving the bytes, for the
 * system clears every page of it.
 */
export class Rooms {
  readonly #sizeBytes: number;
  readonly #free: Uint8Array[] = [];

  /** `sizeBytes`: of a chunk; the last one may be shorter. */
  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > this.#sizeBytes) return new Uint8Array(sizeBytes); // no chunk of this file
    return (this.#free.pop() ?? new Uint8Array(this.#sizeBytes)).subarray(0, sizeBytes);
  }

  /** Nobody reads it, or writes to it, any more. */
  give(room: Uint8Array): void {
    if (room.buffer.byteLength === this.#sizeBytes) this.#free.push(new Uint8Array(room.buffer));
  }
}
