/** What a DataNode takes from a client: everything that would not hold is refused before anything is done. */
import { checksumOf } from "../base/checksum.ts";
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { parseFilePath } from "../base/path.ts";
import { GENERATION_MAX } from "../cluster/generation.ts";
import { CEILING_STEP, CHUNKS_MAX, DATE_MS_MAX, GENERATION_LEAP_MAX, METADATA_BYTES_MAX, TAKE_CHUNKS_MAX } from "../limits.ts";
import type { Take } from "../wire/change-messages.ts";
import { chunkListFlaw } from "../wire/chunk-list.ts";
import { operationsNamed } from "../wire/head-summary.ts";
import type { FollowRequest } from "../wire/membership-messages.ts";
import type { Accept, Confirm, Mutate, Policy, Put } from "../wire/messages.ts";

const CHECKSUM = /^xxh3:[0-9a-f]{16}$/;

function bad(message: string): QdfsError {
  return new QdfsError("BAD_REQUEST", message);
}

/** A proposal from outside: what would be stored must be what can be read again. @throws QdfsError BAD_PATH, BAD_REQUEST */
export function checkAccept({ path, ballot, head, random, next = 0 }: Accept): void {
  checkPath(path);
  if (ballot.counter < 1) throw bad("a proposal has a ballot");
  if (next !== 0 && next <= ballot.counter) throw bad("the next ballot of a proposal is above its own");
  const [maker] = operationsNamed(head, 1); // the rest of it costs whoever reads it a damaged copy at worst
  if (maker !== random) throw bad("a proposal has a head and the operation that made its version");
}

/** As many chunks as a version has at most: each is a look-up. @throws QdfsError BAD_REQUEST */
export function checkConfirm({ indexes }: Confirm): void {
  if (indexes.length > CHUNKS_MAX) throw bad(`${indexes.length} chunks to confirm, a version has at most ${CHUNKS_MAX}`);
}

/** Chunks to take over: names that a file of a chunk may have. @throws QdfsError BAD_PATH, BAD_REQUEST */
export function checkTake({ chunks }: Take): void {
  if (chunks.length > TAKE_CHUNKS_MAX) throw bad(`${chunks.length} chunks to take over, at most ${TAKE_CHUNKS_MAX} at a time`);
  for (const { chunk, owner, checksum } of chunks) {
    if (!/^[0-9a-f]{16}-(0|[1-9]\d{0,8})$/.test(chunk)) throw bad("a chunk is named by its upload and its index");
    if (!CHECKSUM.test(checksum)) throw bad("a checksum is xxh3: and 16 hex digits");
    checkPath(owner);
  }
}

/** One word of a sensible length, each. */
const WORD = /^[^\p{Cc}\s]{1,300}$/u;

/** `generation`: the one followed now; a new one is little above it, as P4 has it for counters. @throws QdfsError BAD_REQUEST */
export function checkFollow({ generation, life, supernode }: Omit<FollowRequest, "clusterId">, followed: number): void {
  if (!WORD.test(life) || !WORD.test(supernode)) throw bad("a SuperNode that is to be followed says who and where it is");
  if (generation < 1 || generation > Math.min(followed + GENERATION_LEAP_MAX, GENERATION_MAX))
    throw bad(`generation ${generation} does not follow ${followed}`);
}

function checkPath(path: Path): void {
  if (parseFilePath(path) !== path) throw new QdfsError("BAD_PATH", `the path ${path} is not normalised`);
}

/**
 * `counter`: this node's own. A stamp is a counter that the client heard, so an honest one is not above it.
 * @throws QdfsError BAD_PATH, BAD_REQUEST
 */
export function checkMutate(mutate: Mutate, policy: Policy, counter: number): void {
  checkPath(mutate.path);
  if (!/^[0-9a-f]{16}$/.test(mutate.operation.random)) throw bad("an operation id has 16 hex digits");
  const { stamp } = mutate.operation;
  if (stamp < 1 || stamp > counter + CEILING_STEP)
    throw bad(`an operation's stamp is a counter heard from the cluster, not ${stamp}`);
  if (mutate.attempt < 1) throw bad("attempts are counted from 1");
  if (mutate.put) checkPut(mutate.put, policy);
  else if (!mutate.remove && !mutate.restore) throw bad("a mutation puts, removes or restores");
}

function checkPut({ version, content }: Put, policy: Policy): void {
  let metadataBytes = version.contentType.length + version.by.length;
  for (const [key, value] of Object.entries(version.metadata)) metadataBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (metadataBytes > METADATA_BYTES_MAX) throw bad(`user metadata has ${metadataBytes} bytes, at most ${METADATA_BYTES_MAX}`);
  if (Math.abs(version.modifiedAtMs) > DATE_MS_MAX) throw bad(`no date is ${version.modifiedAtMs} ms from 1970`);
  if (version.chunks) {
    const flaw = chunkListFlaw(version.chunks, version.sizeBytes);
    if (flaw !== undefined) throw bad(flaw);
    if (!CHECKSUM.test(version.checksum)) throw bad("a checksum is xxh3: and 16 hex digits");
    return;
  }
  if (content.length > policy.inlineLimitBytes) {
    throw bad(`inline content has ${content.length} bytes, at most ${policy.inlineLimitBytes}: larger files are cut into chunks`);
  }
  if (content.length !== version.sizeBytes) throw bad("the content does not have its size");
  if (checksumOf(content) !== version.checksum)
    throw new QdfsError("CORRUPT", "the content was damaged on its way: its checksum differs");
}
