/**
 * Checksums. Content and chunks carry xxh3-64: some 25 GB/s natively, against damage, not against an adversary.
 * `checksum` in heads and results is `xxh3:` and 16 hex digits over the whole content, as the xxhsum tool prints it.
 */
import { createXXHash3, type IHasher } from "hash-wasm";

export const CHECKSUM_BYTES = 8;

/** xxh3-64 of `bytes`. */
export function xxh3(bytes: Uint8Array): bigint {
  return Bun.hash.xxHash3(bytes);
}

export function formatChecksum(hash: bigint): string {
  return `xxh3:${hash.toString(16).padStart(16, "0")}`;
}

export function checksumOf(bytes: Uint8Array): string {
  return formatChecksum(xxh3(bytes));
}

/** Hashes a stream piece by piece; equal to `checksumOf` of the pieces joined. About 3.5 GiB/s. */
export interface StreamingChecksum {
  update(bytes: Uint8Array): void;
  /** Ends the stream. */
  digest(): string;
}

/** Hashers that have ended a stream and can begin another: making one compiles and instantiates a WebAssembly module. */
const idle: IHasher[] = [];
const IDLE_MAX = 32;

/** Makes `count` hashers ready, so that `streamingChecksum` resolves without leaving the microtask queue. */
export async function warmUpChecksums(count: number): Promise<void> {
  while (idle.length < Math.min(count, IDLE_MAX)) idle.push(await createXXHash3());
}

export async function streamingChecksum(): Promise<StreamingChecksum> {
  const hasher = idle.pop() ?? (await createXXHash3());
  hasher.init();
  return {
    update: (bytes) => void hasher.update(bytes),
    digest: () => {
      const digest = hasher.digest("hex");
      if (idle.length < IDLE_MAX) idle.push(hasher);
      return `xxh3:${digest}`;
    },
  };
}
