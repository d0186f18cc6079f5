import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { DiskChunkFiles } from "../../src/storage/chunk-files.ts";
import { DirectorySync } from "../../src/storage/directory-sync.ts";
import { MemoryChunkFiles } from "../../src/storage/memory-chunk-files.ts";
import { CHUNK, chunkFilesConformance, codeThrownBy, inPieces, randomBytes } from "../conformance/chunk-files.ts";
import { onSmallDisk } from "../small-disk.ts";

const temporary = () => mkdtempSync(join(tmpdir(), "qdfs-chunks-"));

chunkFilesConformance("a directory", () => {
  const directory = temporary();
  return { files: DiskChunkFiles.open(directory), dispose: () => rmSync(directory, { recursive: true }) };
});
chunkFilesConformance("memory", () => ({ files: new MemoryChunkFiles(), dispose: () => {} }));

test("what a crash left half written is gone after the next start, whole chunks are not", async () => {
  const directory = temporary();
  const bytes = randomBytes(5000);
  await DiskChunkFiles.open(directory).write(CHUNK, inPieces(bytes, 900), checksumOf(bytes), 5000, false);
  const leftover = join(directory, "chunks", "incoming", `${CHUNK}.7`);
  writeFileSync(leftover, "half");
  const files = DiskChunkFiles.open(directory);
  expect(existsSync(leftover)).toBe(false);
  expect((await files.read(CHUNK))?.length).toBe(5000);
  rmSync(directory, { recursive: true });
});

test("a failed write leaves no bytes behind", async () => {
  const directory = temporary();
  const files = DiskChunkFiles.open(directory);
  await codeThrownBy(files.write(CHUNK, inPieces(randomBytes(5000), 900, 3), "xxh3:0", 5000, false));
  await codeThrownBy(files.write(CHUNK, inPieces(randomBytes(5000), 900), "xxh3:0", 5000, false));
  expect(readdirSync(join(directory, "chunks", "incoming"))).toEqual([]);
  expect(readdirSync(join(directory, "chunks", "01"))).toEqual([]);
  rmSync(directory, { recursive: true });
});

test("a full disk is said so, and writing goes on when there is room again", () =>
  onSmallDisk(2 << 20, async (directory) => {
    const files = DiskChunkFiles.open(directory);
    const bytes = randomBytes(1_500_000);
    const write = (chunk: string) =>
      codeThrownBy(files.write(chunk, inPieces(bytes, 100_000), checksumOf(bytes), bytes.length, false));
    expect(await write("0000000000000000-1")).toBe("nothing thrown");
    expect(await write("0000000000000000-2")).toBe("STORAGE_FULL");
    expect(await files.read("0000000000000000-2")).toBeUndefined();
    await files.remove("0000000000000000-1");
    expect(await write("0000000000000000-2")).toBe("nothing thrown");
  }));

test("waiters of one directory share an fsync, and none is served by one that began before it asked", async () => {
  const begun: (() => void)[] = [];
  const sync = new DirectorySync(() => new Promise((done) => begun.push(done)));
  const ended: string[] = [];
  const wait = (name: string) => sync.durable("/d").then(() => ended.push(name));
  const turn = () => new Promise((done) => setTimeout(done, 1));
  const all = [wait("first")];
  await turn();
  all.push(wait("second"), wait("third"));
  await turn();
  expect(begun.length).toBe(1);
  begun[0]?.();
  await turn();
  expect([ended, begun.length]).toEqual([["first"], 2]);
  begun[1]?.();
  await Promise.all(all);
  expect(ended).toEqual(["first", "second", "third"]);
});
