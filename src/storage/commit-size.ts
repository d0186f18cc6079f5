/** How much room a commit needs, so that one that finds none fails before it has begun. */
import type { NodeWrites } from "../ports.ts";

/** Roughly what a commit adds to the write-ahead log: what is accepted, in order, and a page per trim and chunk. */
export function logBytesOf(
  { accepts, trims, chunks, contents = [], dropped = [], erased = [] }: NodeWrites,
  pageBytes: number,
): number {
  let bytes = (2 + trims.length + chunks.length + dropped.length + 2 * (contents.length + erased.length)) * pageBytes;
  for (const { head, content } of contents) bytes += head.length + content.length;
  for (const { head, content } of accepts) bytes += head.length + (content?.length ?? 0);
  return bytes;
}
