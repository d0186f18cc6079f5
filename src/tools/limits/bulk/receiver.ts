/**
 * One receiver of the bulk limit: takes bodies, writes them, flushes them, answers; and gives back what it has. No checksums,
 * no index, no names made durable. `bun receiver.ts DIR WHOLE_FILE`: prints its port on a line when it serves.
 *
 *   PUT /streamed/I   written to a file of its own piece by piece as it arrives
 *   PUT /segment/I    taken whole, appended to one open file
 *   PUT /pooled/I     taken whole, written to a file of its own by the thread pool
 *   PUT /direct/I     the same, past the page cache
 *   GET /block/I      a file that was put as `streamed`, `pooled` or `direct`;  GET /whole  one response with all bytes
 */
import { constants, fdatasync, openSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";

const flushed = promisify(fdatasync);
const [dir = ".", whole = ""] = process.argv.slice(2);
const { O_CREAT, O_TRUNC, O_WRONLY, O_DIRECT } = constants;
/** What is written past the cache is a multiple of it: no disk has larger blocks. */
const ALIGNED_BYTES = 4096;
const segment = openSync(`${dir}/segment`, "a");

async function streamed(body: ReadableStream<Uint8Array>, file: FileHandle): Promise<void> {
  for await (const piece of body) await file.write(piece);
}

async function pooled(request: Request, file: FileHandle): Promise<void> {
  await file.write(new Uint8Array(await request.arrayBuffer()));
}

/** Past the cache, if that is wanted and the file system can. */
async function openFor(path: string, direct: boolean): Promise<FileHandle> {
  const flags = O_CREAT | O_TRUNC | O_WRONLY;
  if (!direct) return await open(path, flags);
  return await open(path, flags | O_DIRECT).catch(() => open(path, flags));
}

async function store(way: string, index: string, request: Request): Promise<void> {
  if (way === "segment") {
    writeSync(segment, new Uint8Array(await request.arrayBuffer()));
    await flushed(segment);
    return;
  }
  const isAligned = Number(request.headers.get("content-length")) % ALIGNED_BYTES === 0;
  const file = await openFor(`${dir}/${index}`, way === "direct" && isAligned);
  try {
    if (way === "streamed" && request.body !== null) await streamed(request.body, file);
    else await pooled(request, file);
    await file.datasync();
  } finally {
    await file.close();
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const [, way = "", index = ""] = new URL(request.url).pathname.split("/");
    if (way === "whole") return new Response(Bun.file(whole));
    if (way === "block") return new Response(Bun.file(`${dir}/${index}`));
    await store(way, index, request);
    return new Response();
  },
});
process.stdout.write(`${JSON.stringify({ port: server.port })}\n`);
