import { CHECKSUM_BYTES } from "../base/checksum.ts";
import { CHUNK_BYTES_MAX, CHUNKS_MAX } from "../limits.ts";
import type { ChunkList } from "./messages.ts";

/** What keeps a list of chunks from being one of so many bytes, in words; undefined: nothing. */
export function chunkListFlaw({ upload, chunkSizeBytes, checksums }: ChunkList, sizeBytes: number): string | undefined {
  const chunkCount = checksums.length / CHECKSUM_BYTES;
  if (!/^[0-9a-f]{16}$/.test(upload)) return "an upload has 16 hex digits";
  if (!Number.isInteger(chunkCount) || chunkCount < 1 || chunkCount > CHUNKS_MAX) return "a bad number of chunks";
  if (chunkSizeBytes > CHUNK_BYTES_MAX) return `chunks of ${chunkSizeBytes} bytes`;
  return chunkCount === Math.ceil(sizeBytes / chunkSizeBytes) ? undefined : "the chunks do not add up to the size";
}
