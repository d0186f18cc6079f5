/** What waits for a replica's next turns, in the order of its coming; bounded by number and by the bytes that it brings (replica.ts). */
import type { Path } from "../base/ids.ts";
import { COMMIT_REQUESTS_MAX, REPLICA_INBOX_BYTES_MAX, REPLICA_INBOX_MAX } from "../limits.ts";
import { type Entry, writtenBy } from "./turn.ts";

export class Inbox {
  readonly #entries: Entry[] = [];
  /** The files that entries in it write. */
  readonly #written = new Set<Path>();
  #bytes = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** Whoever comes now is to be refused. */
  get isFull(): boolean {
    return this.#entries.length >= REPLICA_INBOX_MAX || this.#bytes >= REPLICA_INBOX_BYTES_MAX;
  }

  writes(path: Path): boolean {
    return this.#written.has(path);
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
    this.#noteWritten(entry);
  }

  /** What is carried out in one turn. */
  take(): Entry[] {
    const taken = this.#entries.splice(0, COMMIT_REQUESTS_MAX);
    for (const entry of taken) this.#bytes -= bytesOf(entry);
    this.#written.clear();
    for (const entry of this.#entries) this.#noteWritten(entry);
    return taken;
  }

  #noteWritten(entry: Entry): void {
    const path = writtenBy(entry);
    if (path !== undefined) this.#written.add(path);
  }
}

/** Everything else that an entry holds is small. */
function bytesOf({ body: { accept } }: Entry): number {
  return accept ? accept.head.length + accept.content.length : 0;
}
