/**
 * The accepted values last read or written, decoded: a look-up in memory costs about 1 µs, through SQLite 10 to 20 µs. It holds
 * committed values only, and absence (null) too. Bounded by bytes; the least recently used goes first.
 */
import type { Path } from "../base/ids.ts";
import { REGISTER_CACHE_BYTES } from "../limits.ts";
import type { StoredRegister } from "../ports.ts";

export interface CachedRegister extends StoredRegister {
  chosen: boolean;
  /** The operation that made the head's current version. */
  readonly random: string;
  /** Its inline bytes; null: it has none; undefined: not read yet. */
  readonly content: Uint8Array | null | undefined;
}

/** What an entry costs besides its bytes, roughly. */
const ENTRY_BYTES = 400;

export class RegisterCache {
  /** A Map keeps the order of insertion: the first key is the one used least recently. */
  readonly #entries = new Map<Path, CachedRegister | null>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = REGISTER_CACHE_BYTES) {
    this.#bytesMax = bytesMax;
  }

  /** Null: known to be absent. Undefined: not known. */
  get(path: Path): CachedRegister | null | undefined {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    return entry;
  }

  /** Takes over a committed value; returns it. The head is copied: it may be a view into a message many times its size. */
  keep(path: Path, register: CachedRegister | null): CachedRegister | null {
    const before = this.#entries.get(path);
    if (before !== undefined) {
      this.#entries.delete(path);
      this.#bytes -= sizeOf(path, before);
    }
    const entry = register && { ...register, head: new Uint8Array(register.head) };
    this.#entries.set(path, entry);
    this.#bytes += sizeOf(path, entry);
    if (this.#bytes > this.#bytesMax) this.#evict();
    return entry;
  }

  #evict(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#entries.delete(path);
      this.#bytes -= sizeOf(path, entry);
    }
  }
}

function sizeOf(path: Path, entry: CachedRegister | null): number {
  return ENTRY_BYTES + path.length + (entry === null ? 0 : entry.head.length + (entry.content?.length ?? 0));
}
