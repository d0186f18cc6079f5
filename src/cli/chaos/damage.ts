/** Damage to what a DataNode has stored, as a disk does it in the course of years. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/errors.ts";
import type { Random } from "../../ports.ts";

/** Flipped bytes lie within one sector. */
const FLIPPED_BYTES_MAX = 16;
const SECTOR_BYTES = 512;
/** As in storage/node-schema.ts. The log is not damaged: SQLite takes a bad frame for its end, and there is no telling it from a crash. */
const DATABASE = "node.db";
const DATABASE_FILES = [DATABASE, `${DATABASE}-wal`, `${DATABASE}-shm`];

/** Flips bytes of one chunk file, cuts it short or removes it; what was done in words, undefined when there is none. */
export function damageChunkFile(dataDir: string, random: Random): string | undefined {
  const files = chunkFiles(dataDir);
  const path = files[Math.floor(random.unit() * files.length)];
  if (path === undefined) return undefined;
  const sizeBytes = statSync(path).size;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const drawn = random.unit();
  if (drawn < 0.15) {
    rmSync(path);
    return `chunk file ${name} removed`;
  }
  if (drawn < 0.3) {
    truncateSync(path, Math.floor(sizeBytes * random.unit()));
    return `chunk file ${name} cut short`;
  }
  return `${flipBytes(path, random)} of chunk file ${name} flipped`;
}

/** Flips bytes of the database; `undo` puts back the files as they were. Nobody may have them open. */
export function damageDatabaseFile(dataDir: string, keepIn: string, random: Random): { words: string; undo: () => void } {
  mkdirSync(keepIn, { recursive: true });
  const files = DATABASE_FILES.filter((name) => existsSync(join(dataDir, name)));
  for (const name of files) copyFileSync(join(dataDir, name), join(keepIn, name));
  const words = `${flipBytes(join(dataDir, DATABASE), random)} of ${DATABASE} flipped`;
  return {
    words,
    undo: () => {
      for (const name of DATABASE_FILES) rmSync(join(dataDir, name), { force: true });
      for (const name of files) copyFileSync(join(keepIn, name), join(dataDir, name));
    },
  };
}

/** Flips some bytes near each other; says how many and where. */
export function flipBytes(path: string, random: Random): string {
  const sizeBytes = statSync(path).size;
  const file = openSync(path, "r+");
  try {
    const at = Math.floor(random.unit() * sizeBytes);
    const sector = Buffer.alloc(Math.min(SECTOR_BYTES, sizeBytes - at));
    const read = readSync(file, sector, 0, sector.length, at);
    assert(read === sector.length, "a file does not shrink while nobody writes it");
    const count = Math.min(sector.length, 1 + Math.floor(random.unit() * FLIPPED_BYTES_MAX));
    for (let index = 0; index < count; index++) sector[index] = (sector[index] ?? 0) ^ (1 + Math.floor(random.unit() * 255));
    writeSync(file, sector, 0, count, at);
    fsyncSync(file);
    return `${count} bytes at ${at}`;
  } finally {
    closeSync(file);
  }
}

function chunkFiles(dataDir: string): readonly string[] {
  const chunks = join(dataDir, "chunks");
  if (!existsSync(chunks)) return [];
  return readdirSync(chunks)
    .filter((name) => name !== "incoming")
    .flatMap((name) => readdirSync(join(chunks, name)).map((file) => join(chunks, name, file)))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.size);
}
