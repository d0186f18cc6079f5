/** Local files to put in and compare with what comes out. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { streamingChecksum } from "../base/checksum.ts";
import { seededRandom } from "../runtime/seeded-random.ts";

const BLOCK_BYTES = 2 ** 20;

/** Incompressible bytes that follow from the seed; no two MiB are alike. */
export function writeRandomFile(path: string, sizeBytes: number, seed = 1): void {
  const block = Buffer.from(seededRandom(seed).hex(2 * BLOCK_BYTES), "hex");
  writeFileSync(path, "");
  for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
    block.writeUInt32LE(at / BLOCK_BYTES);
    writeFileSync(path, block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at)), { flag: "a" });
  }
}

/** Relative path → checksum of every regular file, in order of path. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of entries.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    tree[path.slice(root.length + 1)] = await checksumOfFile(path);
  }
  return tree;
}

/** As put, get and stat give it. */
export async function checksumOfFile(path: string): Promise<string> {
  const checksum = await streamingChecksum();
  for await (const piece of Bun.file(path).stream()) checksum.update(piece);
  return checksum.digest();
}
