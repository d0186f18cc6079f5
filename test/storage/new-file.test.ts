import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NewFile } from "../../src/storage/new-file.ts";
import { randomBytes } from "../conformance/chunk-files.ts";

const MIB = 2 ** 20;
/** One where writing past the cache works on most machines, one where it does on few (memory). */
const DIRECTORIES = [tmpdir(), "/dev/shm"].filter((path) => isThere(path));

function isThere(path: string): boolean {
  try {
    return statfsSync(path).blocks > 0;
  } catch {
    return false;
  }
}

/** The same bytes, beginning so many bytes after the start of their buffer. */
function at(offset: number, bytes: Uint8Array): Uint8Array {
  const room = new Uint8Array(offset + bytes.length);
  room.set(bytes, offset);
  return room.subarray(offset);
}

test.each(DIRECTORIES)("pieces of any length come out as they went in, wherever they lay in memory: %s", async (parent) => {
  const directory = mkdtempSync(join(parent, "qdfs-new-file-"));
  const lists: Record<string, readonly Uint8Array[]> = {
    "whole blocks": [randomBytes(4 * MIB)],
    "a last block that is not whole": [randomBytes(MIB + 17)],
    "a little first": [randomBytes(5), randomBytes(2 * MIB)],
    "a block first": [randomBytes(4096), randomBytes(MIB + 1), randomBytes(MIB)],
    "in the midst of a buffer": [at(4096, randomBytes(MIB)), at(1, randomBytes(MIB + 3)), at(512, randomBytes(MIB))],
    "small pieces": Array.from({ length: 50 }, () => randomBytes(777)),
    nothing: [],
  };
  for (const [name, pieces] of Object.entries(lists)) {
    const path = join(directory, name.replaceAll(" ", "-"));
    const file = await NewFile.create(path);
    for (const piece of pieces) await file.append(piece);
    await file.flush();
    const { sizeBytes } = file;
    await file.close();
    const whole = Buffer.concat(pieces);
    expect({ name, sizeBytes, same: readFileSync(path).equals(whole) }).toEqual({ name, sizeBytes: whole.length, same: true });
  }
  rmSync(directory, { recursive: true });
});

test("a file that is there already is not written over", async () => {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-new-file-"));
  const path = join(directory, "once");
  const first = await NewFile.create(path);
  await first.append(randomBytes(10));
  await first.close();
  expect(await NewFile.create(path).catch((error: NodeJS.ErrnoException) => error.code)).toBe("EEXIST");
  expect(readFileSync(path).length).toBe(10);
  rmSync(directory, { recursive: true });
});
