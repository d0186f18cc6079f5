import { CHECKSUM_BYTES, formatChecksum } from "../base/checksum.ts";
import { CHUNK_BYTES_MAX, CHUNKS_MAX } from "../limits.ts";
import type { ChunkId } from "../ports.ts";
import type { ChunkList, Version } from "./messages.ts";

export interface NamedChunk {
  readonly chunk: ChunkId;
  readonly sizeBytes: number;
  readonly checksum: string;
}

/** The chunks of a version, in order; none if its bytes are inline. */
export function chunksNamed({ chunks, sizeBytes }: Version): readonly NamedChunk[] {
  if (chunks === null) return [];
  const { upload, chunkSizeBytes, checksums } = chunks;
  const sums = new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength);
  return Array.from({ length: checksums.length / CHECKSUM_BYTES }, (_, index) => ({
    chunk: `${upload}-${index}`,
    sizeBytes: Math.min(chunkSizeBytes, sizeBytes - index * chunkSizeBytes),
    checksum: formatChecksum(sums.getBigUint64(index * CHECKSUM_BYTES)),
  }));
}

/** What keeps a list of chunks from being one of so many bytes, in words; undefined: nothing. */
export function chunkListFlaw({ upload, chunkSizeBytes, checksums }: ChunkList, sizeBytes: number): string | undefined {
  const chunkCount = checksums.length / CHECKSUM_BYTES;
  if (!/^[0-9a-f]{16}$/.test(upload)) return "an upload has 16 hex digits";
  if (!Number.isInteger(chunkCount) || chunkCount < 1 || chunkCount > CHUNKS_MAX) return "a bad number of chunks";
  if (chunkSizeBytes > CHUNK_BYTES_MAX) return `chunks of ${chunkSizeBytes} bytes`;
  return chunkCount === Math.ceil(sizeBytes / chunkSizeBytes) ? undefined : "the chunks do not add up to the size";
}
