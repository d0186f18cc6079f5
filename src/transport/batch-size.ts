/** Upper bounds of encoded sizes, cheap enough for every operation: they decide where a batch is closed. */
import { BATCH_BYTES_MAX, INLINE_BYTES_MAX } from "../limits.ts";
import type { ChunkAt } from "../wire/change-messages.ts";
import { type AnswerBody, type Request, type RequestBody, type Version, Want } from "../wire/messages.ts";

/** Tags, lengths, ids, ballots, configurations and the like. */
const OVERHEAD_BYTES = 96;
/** Operation id, checksum, times, names of a version, without what is counted. */
const VERSION_BYTES = 512;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UTF8_BYTES_MAX = 3;

function versionBytes(version: Version): number {
  let bytes = VERSION_BYTES + (version.chunks?.checksums.length ?? 0);
  bytes += (version.contentType.length + version.by.length) * UTF8_BYTES_MAX;
  for (const name in version.metadata) bytes += 16 + (name.length + (version.metadata[name]?.length ?? 0)) * UTF8_BYTES_MAX;
  return bytes;
}

/** A partition and a configuration's number. */
const MOVING_BYTES = 14;

function chunkBytes({ chunk, owner, checksum }: ChunkAt): number {
  return 16 + (chunk.length + owner.length + checksum.length) * UTF8_BYTES_MAX;
}

export function requestSizeBytes(body: RequestBody): number {
  if (body.read) return OVERHEAD_BYTES + body.read.path.length * UTF8_BYTES_MAX;
  if (body.accept) {
    const { path, head, content } = body.accept;
    return OVERHEAD_BYTES + path.length * UTF8_BYTES_MAX + head.length + content.length;
  }
  if (body.prepare) return OVERHEAD_BYTES + body.prepare.path.length * UTF8_BYTES_MAX;
  if (body.mutate) {
    const { path, put } = body.mutate;
    const putBytes = put ? put.content.length + versionBytes(put.version) : VERSION_BYTES;
    return OVERHEAD_BYTES + path.length * UTF8_BYTES_MAX + putBytes;
  }
  const about = body.fetch ?? body.settle ?? body.confirm ?? body.complete ?? body.erase;
  const path = about?.path ?? body.scan?.after ?? "";
  const movings = (body.scan?.of.length ?? 0) + (body.rescan?.of.length ?? 0);
  if (body.map) return OVERHEAD_BYTES + (body.map.map?.length ?? 0);
  let bytes = OVERHEAD_BYTES + path.length * UTF8_BYTES_MAX + (body.confirm?.indexes.length ?? 0) * 10 + movings * MOVING_BYTES;
  for (const chunk of body.take?.chunks ?? []) bytes += chunkBytes(chunk);
  if (body.compare) bytes += (body.compare.after.length + body.compare.through.length) * UTF8_BYTES_MAX;
  return bytes;
}

export function answerSizeBytes(body: AnswerBody): number {
  if (body.held) return OVERHEAD_BYTES + body.held.head.length + body.held.content.length;
  if (body.accepted || body.refused) return OVERHEAD_BYTES;
  if (body.promised) return OVERHEAD_BYTES + body.promised.head.length;
  if (body.mutated) return OVERHEAD_BYTES + VERSION_BYTES + (body.mutated.version ? versionBytes(body.mutated.version) : 0);
  if (body.fetched) return OVERHEAD_BYTES + body.fetched.content.length;
  if (body.settled) return OVERHEAD_BYTES + body.settled.head.length;
  if (body.failure) return OVERHEAD_BYTES + (body.failure.message.length + body.failure.details.length) * UTF8_BYTES_MAX;
  if (body.confirmed) return OVERHEAD_BYTES + body.confirmed.missing.length * 5;
  if (body.map) return OVERHEAD_BYTES + body.map.map.length;
  let bytes = OVERHEAD_BYTES;
  for (const path of body.scanned?.paths ?? []) bytes += 4 + path.length * UTF8_BYTES_MAX;
  for (const chunk of body.scanned?.chunks ?? []) bytes += chunkBytes(chunk);
  bytes += (body.scanned?.memories?.length ?? 0) * MOVING_BYTES;
  for (const chunk of [...(body.taken?.missing ?? []), ...(body.taken?.lost ?? [])]) bytes += 4 + chunk.length * UTF8_BYTES_MAX;
  for (const { waitsFor } of body.rescanned?.carried ?? []) bytes += 2 * OVERHEAD_BYTES + waitsFor.length * UTF8_BYTES_MAX;
  for (const { through, owner = "", checksum = "" } of body.compared?.ranges ?? [])
    bytes += OVERHEAD_BYTES + (through.length + owner.length + checksum.length) * UTF8_BYTES_MAX;
  for (const change of body.changes?.changes ?? []) {
    bytes += OVERHEAD_BYTES + change.path.length * UTF8_BYTES_MAX + change.head.length;
  }
  return bytes;
}

/** What the answer to a request is expected to take at most, for the server to set aside before it begins. */
export function reservedBytes(request: Request): number {
  if (request.read?.want === Want.CONTENT || request.fetch) return INLINE_BYTES_MAX;
  if (request.changes || request.scan || request.compare) return BATCH_BYTES_MAX;
  return 1024;
}
