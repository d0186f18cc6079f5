/**
 * What two replicas compare (entropy.ts): a digest of each file and of each chunk that they hold, and the sums of these over ranges of names.
 *
 * Of a file that is all that ought to be the same on all its replicas: the ballot of the accepted value, the bytes of its head (one ballot,
 * one value: I3), and which of the inline contents that the head names are held. Not whether it is known chosen, which each learns in its own
 * time; not the contents of versions that are not named any more, which each drops in its own time (P23); and not the contents themselves, which
 * the head has checksums of. Of a chunk it is its row in the index: its name, whose it is, its size and checksum.
 */
import { codeOf } from "../base/errors.ts";
import type { ChunkRow, HeldFile } from "../ports.ts";
import { operationsNamed } from "../wire/head-summary.ts";

export function fileDigest({ path, ballot, head, contents }: HeldFile): bigint {
  const { configuration, counter, node } = ballot;
  const held = contentsNamed(head).filter((random) => contents.includes(random));
  const words = [path, configuration, counter, node, Bun.hash.xxHash3(head), ...held];
  return Bun.hash.xxHash3(words.join("\n"));
}

export function chunkDigest({ chunk, owner, sizeBytes, checksum }: ChunkRow): bigint {
  return Bun.hash.xxHash3([chunk, owner, sizeBytes, checksum].join("\n"));
}

/** A damaged head names nothing: its own bytes tell it from the others. */
function contentsNamed(head: Uint8Array): readonly string[] {
  try {
    return operationsNamed(head);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [];
  }
}

/** The sum of a range: no name is in it twice, so exclusive or will do, in any order. */
export class DigestSum {
  count = 0;
  #sum = 0n;

  add(digest: bigint): void {
    this.count += 1;
    this.#sum ^= digest;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, this.#sum);
    return bytes;
  }

  equals({ count, digest }: { readonly count: number; readonly digest: Uint8Array }): boolean {
    return count === this.count && Buffer.compare(digest, this.bytes()) === 0;
  }
}
