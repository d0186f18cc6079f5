/**
 * The accepted values last read or written, decoded: a look-up in memory costs about 1 µs, through SQLite 10 to 20 µs. It holds
 * committed values only, and absence (null) too. Bounded by bytes, in two generations: what is used while it is in the older one is
 * young again, and when the younger is half of all that is allowed the older goes. A look-up of what is young changes nothing.
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
  readonly #bytesMax: number;
  #young = new Map<Path, CachedRegister | null>();
  #youngBytes = 0;
  #old: ReadonlyMap<Path, CachedRegister | null> = new Map();

  constructor(bytesMax = REGISTER_CACHE_BYTES) {
    this.#bytesMax = bytesMax;
  }

  /** Null: known to be absent. Undefined: not known. */
  get(path: Path): CachedRegister | null | undefined {
    const young = this.#young.get(path);
    if (young !== undefined) return young;
    const old = this.#old.get(path);
    if (old !== undefined) this.#add(path, old);
    return old;
  }

  /** Takes over a committed value; returns it. The head is copied: it may be a view into a message many times its size. */
  keep(path: Path, register: CachedRegister | null): CachedRegister | null {
    const entry = register && { ...register, head: new Uint8Array(register.head) };
    this.#add(path, entry);
    return entry;
  }

  #add(path: Path, entry: CachedRegister | null): void {
    const before = this.#young.get(path);
    if (before !== undefined) this.#youngBytes -= sizeOf(path, before);
    this.#young.set(path, entry);
    this.#youngBytes += sizeOf(path, entry);
    if (this.#youngBytes * 2 < this.#bytesMax) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}

function sizeOf(path: Path, entry: CachedRegister | null): number {
  return ENTRY_BYTES + path.length + (entry === null ? 0 : entry.head.length + (entry.content?.length ?? 0));
}
