import { codeOf, QdfsError } from "../base/errors.ts";
import { nodeName, type Path } from "../base/ids.ts";
import { OPERATION_BUDGET_MS, OVERTAKEN_TRIES_MAX } from "../limits.ts";
import type { Version } from "../wire/messages.ts";
import { type ByteRange, type DownloadOptions, type DownloadPorts, download } from "./download.ts";
import { ageOf, inlineContent, type ReadPorts, readEventual, readStrong, versionIn } from "./read.ts";
import type { GetOptions, GetResult, ReadOptions, ReadResult } from "./types.ts";

export type GetPorts = ReadPorts & DownloadPorts;

/**
 * A version and its verified bytes, inline ones already fetched, chunks on iteration.
 * @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE, BAD_USAGE (a range outside the content), CORRUPT
 */
export async function get(ports: GetPorts, path: Path, options: GetOptions): Promise<GetResult> {
  const { read, version, guarantee, bytes } = await find(ports, path, options);
  const range = options.range === undefined ? undefined : rangeWithin(path, version, options.range);
  const facts = { path, version, guarantee, node: nodeName(read.node), ...ageOf(read) };
  if (bytes === undefined) {
    const body = (passing: boolean) => chunked(ports, path, version, { range, passing });
    return { ...facts, body: body(false), passingBody: body(true) };
  }
  const body = once(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1));
  return { ...facts, body, passingBody: body };
}

/** As get, with all the bytes at once: for small files. */
export async function readWhole(ports: GetPorts, path: Path, options: ReadOptions): Promise<ReadResult> {
  const { read, version, guarantee, bytes: inline } = await find(ports, path, options);
  const facts = { path, version, guarantee, node: nodeName(read.node), ...ageOf(read) };
  if (inline !== undefined) return { ...facts, bytes: inline };
  const bytes = new Uint8Array(version.sizeBytes);
  let filled = 0;
  for await (const piece of chunked(ports, path, version, { passing: true })) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return { ...facts, bytes };
}

/** The version asked for, and its bytes if they are inline; undefined: in chunks. */
async function find(ports: GetPorts, path: Path, { version: number = 0, consistency, timeoutMs }: ReadOptions) {
  const request = { path, version: number, want: "content", budgetMs: timeoutMs ?? OPERATION_BUDGET_MS } as const;
  let eventual = consistency === "eventual";
  for (let tries = 1; ; tries += 1) {
    const guarantee = eventual ? "eventual" : "linearizable";
    const read = await (eventual ? readEventual(ports, request) : readStrong(ports, request));
    const { version } = versionIn(read, path, number);
    if (version.chunks !== null) return { read, version, guarantee, bytes: undefined } as const;
    try {
      return { read, version, guarantee, bytes: await inlineContent(ports, request, read, version) } as const;
    } catch (error) {
      // Bytes that nobody holds may belong to a version that was overtaken and dropped while it was being read.
      if (codeOf(error) !== "CORRUPT") throw error;
      if (number !== 0) await checkStillKept(ports, path, version);
      if (tries === OVERTAKEN_TRIES_MAX || (await isStillKept(ports, path, version))) throw error;
      eventual = false; // the replica that answered is behind, and would only say the same again
    }
  }
}

async function* chunked(
  ports: GetPorts,
  path: Path,
  version: Version,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* download(ports, path, version, options);
  } catch (error) {
    if (codeOf(error) === "CORRUPT") await checkStillKept(ports, path, version);
    throw error;
  }
}

/** Bytes that are gone everywhere may belong to a version that retention dropped while it was being read. */
async function checkStillKept(ports: GetPorts, path: Path, version: Version): Promise<void> {
  if (await isStillKept(ports, path, version)) return;
  throw new QdfsError("NOT_FOUND", `${path}@${version.version} was dropped while it was being read`, { path });
}

async function isStillKept(ports: GetPorts, path: Path, version: Version): Promise<boolean> {
  const { head } = await readStrong(ports, { path, version: 0, want: "head", budgetMs: OPERATION_BUDGET_MS });
  const kept = head === undefined ? [] : [head.current, ...head.history];
  return kept.some(({ operation }) => operation.random === version.operation.random);
}

function rangeWithin(path: Path, { sizeBytes }: Version, { start, end }: ByteRange): ByteRange {
  const inside = Number.isInteger(start) && start >= 0 && start < sizeBytes && end >= start;
  if (!inside)
    throw new QdfsError(
      "BAD_USAGE",
      `${path} has ${sizeBytes} bytes: there is no range ${start}-${Number.isSafeInteger(end) && end < Number.MAX_SAFE_INTEGER ? end : ""} in it`,
    );
  return { start, end: Math.min(end, sizeBytes - 1) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  if (bytes.length > 0) yield bytes;
}
