import type { NodeWrites } from "../ports.ts";

/** Roughly what a commit adds to the write-ahead log: what is accepted, in order, and a page per trim and chunk. */
export function logBytesOf(
  { accepts, trims, chunks, contents = [], dropped = [], erased = [] }: NodeWrites,
  pageBytes: number,
): number {
  let bytes = (2 + trims.length + chunks.length + dropped.length + 2 * erased.length) * pageBytes;
  for (const { content } of contents) bytes += content.length + pageBytes;
  for (const { head, content } of accepts) bytes += head.length + (content?.length ?? 0);
  return bytes;
}
