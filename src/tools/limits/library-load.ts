/**
 * Many small files through the library, closed loop. Prints one JSON line.
 *   bun library-load.ts ADDRESS put DIRECTORY FILES SIZE_BYTES IN_FLIGHT             each of the files once
 *   bun library-load.ts ADDRESS get DIRECTORY FILES SIZE_BYTES IN_FLIGHT [GETS]      each once, or GETS of them at random
 */
import { connect } from "../../client/connect.ts";

/** As a tree would have it: directories of a thousand. */
const FILES_PER_DIRECTORY = 1000;

const [address = "", kind = "put", directory = "/", ...numbers] = process.argv.slice(2);
const [files = 1, sizeBytes = 4096, inFlight = 64, gets] = numbers.map(Number);
const content = new Uint8Array(sizeBytes).fill(9);

function pathOf(index: number): string {
  return `${directory}/${String(Math.floor(index / FILES_PER_DIRECTORY)).padStart(4, "0")}/file-${index}`;
}

const beganMs = performance.now();
const client = await connect({ addresses: [address], cacheDir: null });
const total = gets ?? files;
let next = 0;
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    while (next < total) {
      const index = next++;
      if (kind === "put") await client.put(pathOf(index), content);
      else await client.read(pathOf(gets === undefined ? index : Math.floor(Math.random() * files)));
    }
  }),
);
const elapsedMs = performance.now() - beganMs;
await client.close();
process.stdout.write(`${JSON.stringify({ perSec: (total / elapsedMs) * 1000 })}\n`);
process.exit(0);
