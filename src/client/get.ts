import { codeOf, QdfsError } from "../base/errors.ts";
import { nodeName, type Path } from "../base/ids.ts";
import { OPERATION_BUDGET_MS } from "../limits.ts";
import type { Version } from "../wire/messages.ts";
import { type ByteRange, type DownloadPorts, download } from "./download.ts";
import { inlineContent, type ReadPorts, readEventual, readStrong, versionIn } from "./read.ts";
import type { GetOptions, GetResult, ReadOptions, ReadResult } from "./types.ts";

export type GetPorts = ReadPorts & DownloadPorts;

/**
 * A version and its verified bytes, inline ones already fetched, chunks on iteration.
 * @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE, BAD_USAGE (a range outside the content), CORRUPT
 */
export async function get(ports: GetPorts, path: Path, options: GetOptions): Promise<GetResult> {
  const { read, version, guarantee, request } = await find(ports, path, options);
  const range = options.range === undefined ? undefined : rangeWithin(path, version, options.range);
  const facts = { path, version, guarantee, node: nodeName(read.node) };
  if (version.chunks !== null) return { ...facts, body: chunked(ports, path, version, range) };
  const bytes = await inlineContent(ports, request, read, version);
  return { ...facts, body: once(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)) };
}

/** As get, with all the bytes at once: for small files. */
export async function readWhole(ports: GetPorts, path: Path, options: ReadOptions): Promise<ReadResult> {
  const { read, version, guarantee, request } = await find(ports, path, options);
  const facts = { path, version, guarantee, node: nodeName(read.node) };
  if (version.chunks === null) return { ...facts, bytes: await inlineContent(ports, request, read, version) };
  const bytes = new Uint8Array(version.sizeBytes);
  let filled = 0;
  for await (const piece of chunked(ports, path, version, undefined)) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return { ...facts, bytes };
}

async function find(ports: GetPorts, path: Path, { version: number = 0, consistency, timeoutMs }: ReadOptions) {
  const request = { path, version: number, want: "content", budgetMs: timeoutMs ?? OPERATION_BUDGET_MS } as const;
  const eventual = consistency === "eventual";
  const read = await (eventual ? readEventual(ports, request) : readStrong(ports, request));
  const { version } = versionIn(read, path, number);
  return { read, version, request, guarantee: eventual ? "eventual" : "linearizable" } as const;
}

async function* chunked(
  ports: GetPorts,
  path: Path,
  version: Version,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* download(ports, path, version, range);
  } catch (error) {
    if (codeOf(error) === "CORRUPT") await checkStillKept(ports, path, version);
    throw error;
  }
}

/** Chunks that are gone everywhere may belong to a version that retention dropped while it was being read. */
async function checkStillKept(ports: GetPorts, path: Path, version: Version): Promise<void> {
  const read = await readStrong(ports, { path, version: 0, want: "head", budgetMs: OPERATION_BUDGET_MS });
  const kept = read.head === undefined ? [] : [read.head.current, ...read.head.history];
  if (kept.some(({ operation }) => operation.random === version.operation.random)) return;
  throw new QdfsError("NOT_FOUND", `${path}@${version.version} was dropped while it was being read`, { path });
}

function rangeWithin(path: Path, { sizeBytes }: Version, { start, end }: ByteRange): ByteRange {
  const inside = Number.isInteger(start) && start >= 0 && start < sizeBytes && end >= start;
  if (!inside) throw new QdfsError("BAD_USAGE", `${path} has ${sizeBytes} bytes: there is no range ${start}-${end} in it`);
  return { start, end: Math.min(end, sizeBytes - 1) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  if (bytes.length > 0) yield bytes;
}
