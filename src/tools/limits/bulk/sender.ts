/**
 * The one sender of the bulk limit. Prints one JSON line: MiB per second.
 *   bun sender.ts put WAY PORT,PORT,PORT FILE    every block of the file to all three, acknowledged when two have it
 *   bun sender.ts get WAY PORT BLOCKS [FILE]     WAY `whole`: one response; `block`: a few blocks at a time; to FILE or nowhere
 */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { BLOCK_BYTES } from "./blocks.ts";

const BLOCKS_IN_FLIGHT = 8;
/** A block's buffer is free when all three have it: so many may lag behind. */
const BUFFERS = 12;
const BLOCKS_AHEAD = 4;
const MIB = 2 ** 20;

const [direction, way = "", ports = "", ...rest] = process.argv.slice(2);
const beganMs = performance.now();
const sizeBytes = direction === "put" ? await putAll(rest[0] ?? "") : await getAll(Number(rest[0]), rest[1]);
process.stdout.write(`${JSON.stringify({ mibPerSec: (sizeBytes / MIB / (performance.now() - beganMs)) * 1000 })}\n`);
process.exit(0);

/** Resolves when every block is acknowledged by two. */
async function putAll(path: string): Promise<number> {
  const file = openSync(path, "r");
  const free = Array.from({ length: BUFFERS }, () => new Uint8Array(BLOCK_BYTES));
  const acknowledged = new Set<Promise<void>>();
  const ended = new Set<Promise<void>>();
  let sizeBytes = 0;
  for (let index = 0; ; index++) {
    while (acknowledged.size >= BLOCKS_IN_FLIGHT) await Promise.race(acknowledged);
    while (free.length === 0) await Promise.race(ended);
    const buffer = free.pop() ?? new Uint8Array(BLOCK_BYTES);
    const filled = readSync(file, buffer, 0, BLOCK_BYTES, index * BLOCK_BYTES);
    if (filled === 0) break;
    sizeBytes += filled;
    const copies = ports.split(",").map((port) => putOne(port, index, buffer.subarray(0, filled)));
    const twoOfThree = secondOf(copies).finally(() => acknowledged.delete(twoOfThree));
    acknowledged.add(twoOfThree);
    const all = Promise.all(copies).then(() => {
      free.push(buffer);
      ended.delete(all);
    });
    ended.add(all);
  }
  closeSync(file);
  await Promise.all(acknowledged);
  return sizeBytes;
}

function secondOf(copies: readonly Promise<void>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = 0;
    for (const copy of copies) {
      copy.then(() => {
        done += 1;
        if (done === 2) resolve();
      }, reject);
    }
  });
}

async function putOne(port: string, index: number, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/${way}/${index}`, { method: "PUT", body });
  if (!response.ok) throw new Error(`status ${response.status}`);
  await response.arrayBuffer();
}

async function getAll(blocks: number, path: string | undefined): Promise<number> {
  const file = path === undefined ? undefined : await open(path, "w");
  let sizeBytes = 0;
  for await (const piece of way === "whole" ? wholeBody() : blockBodies(blocks)) {
    sizeBytes += piece.length;
    await file?.write(piece);
  }
  await file?.close();
  return sizeBytes;
}

async function* wholeBody(): AsyncGenerator<Uint8Array> {
  const { body } = await fetch(`http://127.0.0.1:${ports}/whole`);
  if (body !== null) yield* body;
}

async function* blockBodies(blocks: number): AsyncGenerator<Uint8Array> {
  const coming: Promise<Uint8Array>[] = [];
  for (let next = 0; next < blocks || coming.length > 0; ) {
    while (next < blocks && coming.length < BLOCKS_AHEAD) coming.push(blockBody(next++));
    const bytes = await coming.shift();
    if (bytes !== undefined) yield bytes;
  }
}

async function blockBody(index: number): Promise<Uint8Array> {
  return (await fetch(`http://127.0.0.1:${ports}/block/${index}`)).bytes();
}
