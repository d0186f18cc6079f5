/** What every ChunkFiles does; files and memory pass the same suite. */
import { describe, expect, test } from "bun:test";
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf } from "../../src/base/errors.ts";
import type { ChunkFiles } from "../../src/ports.ts";

export interface OpenChunkFiles {
  readonly files: ChunkFiles;
  readonly dispose: () => void;
}

export const CHUNK = "0123456789abcdef-0";
const SIZE_MAX = 1 << 20;

export function randomBytes(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size));
}

/** The bytes as a body that arrives in pieces, and breaks off after `breakAfter` of them. */
export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes: number,
  breakAfter = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  for (let start = 0, piece = 0; start < bytes.length; start += pieceBytes, piece += 1) {
    if (piece >= breakAfter) throw new Error("the connection broke");
    yield bytes.subarray(start, start + pieceBytes);
  }
}

export const codeThrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing thrown",
    (error: unknown) => codeOf(error) ?? String(error),
  );

export function chunkFilesConformance(name: string, open: () => OpenChunkFiles): void {
  const using = async (run: (files: ChunkFiles) => Promise<void>) => {
    const { files, dispose } = open();
    try {
      await run(files);
    } finally {
      dispose();
    }
  };

  describe(`${name} as chunk files`, () => {
    for (const size of [0, 1, 300_000, SIZE_MAX]) {
      test(`${size} bytes come back as they were written`, () =>
        using(async (files) => {
          const bytes = randomBytes(Math.min(size, 65_536));
          const whole = new Uint8Array(size).map((_, index) => bytes[index % 65_536] ?? 0);
          for (const indexed of [false, true]) {
            const written = await files.write(CHUNK, inPieces(whole, 70_000), checksumOf(whole), SIZE_MAX, indexed);
            expect(written).toEqual({ sizeBytes: size });
          }
          expect(checksumOf((await files.read(CHUNK)) ?? new Uint8Array(9))).toBe(checksumOf(whole));
          expect(checksumOf(new Uint8Array((await files.blob(CHUNK)?.arrayBuffer()) ?? new ArrayBuffer(9)))).toBe(
            checksumOf(whole),
          );
        }));
    }

    test("a chunk that is not there is undefined, and may be removed and quarantined", () =>
      using(async (files) => {
        expect(await files.read(CHUNK)).toBeUndefined();
        expect(files.blob(CHUNK)).toBeUndefined();
        await files.remove(CHUNK);
        await files.quarantine(CHUNK);
      }));

    test("damaged, oversized and broken bodies are refused and leave nothing under the name", () =>
      using(async (files) => {
        const bytes = randomBytes(100_000);
        const write = (body: AsyncIterable<Uint8Array>, sizeBytesMax: number) =>
          codeThrownBy(files.write(CHUNK, body, checksumOf(bytes), sizeBytesMax, false));
        expect(await write(inPieces(bytes.subarray(1), 9_000), SIZE_MAX)).toBe("CORRUPT");
        expect(await write(inPieces(bytes, 9_000), 99_999)).toBe("BAD_REQUEST");
        expect(await write(inPieces(bytes, 9_000, 5), SIZE_MAX)).toContain("the connection broke");
        expect(await files.read(CHUNK)).toBeUndefined();
        expect(await write(inPieces(bytes, 9_000), 100_000)).toBe("nothing thrown");
      }));

    test("a failed write leaves an earlier copy of the chunk alone", () =>
      using(async (files) => {
        const bytes = randomBytes(1000);
        await files.write(CHUNK, inPieces(bytes, 100), checksumOf(bytes), SIZE_MAX, false);
        expect(await codeThrownBy(files.write(CHUNK, inPieces(bytes.subarray(1), 100), checksumOf(bytes), SIZE_MAX, false))).toBe(
          "CORRUPT",
        );
        expect(checksumOf((await files.read(CHUNK)) ?? new Uint8Array())).toBe(checksumOf(bytes));
      }));

    test("a quarantined or removed chunk is found by no read, and can be written again", () =>
      using(async (files) => {
        const bytes = randomBytes(1000);
        for (const away of ["quarantine", "quarantine", "remove"] as const) {
          await files.write(CHUNK, inPieces(bytes, 100), checksumOf(bytes), SIZE_MAX, false);
          await files[away](CHUNK);
          expect(await files.read(CHUNK)).toBeUndefined();
          expect(files.blob(CHUNK)).toBeUndefined();
        }
      }));

    test("many chunks are written at once", () =>
      using(async (files) => {
        const names = Array.from({ length: 8 }, (_, index) => `0123456789abcdef-${index}`);
        const bytes = names.map((_, index) => new Uint8Array(50_000).fill(index));
        const bytesOf = (chunk: string) => bytes[Number(chunk.split("-")[1])] ?? new Uint8Array();
        await Promise.all(
          names.map((chunk) => files.write(chunk, inPieces(bytesOf(chunk), 7_000), checksumOf(bytesOf(chunk)), SIZE_MAX, false)),
        );
        for (const chunk of names)
          expect(checksumOf((await files.read(chunk)) ?? new Uint8Array())).toBe(checksumOf(bytesOf(chunk)));
      }));

    test("a name that is no chunk's reaches no file", () =>
      using(async (files) => {
        for (const evil of [
          "../../etc/passwd",
          "",
          "0123456789abcdef",
          "0123456789abcdeF-0",
          "0123456789abcdef-00",
          "0123456789abcdef-0/x",
        ]) {
          expect(await codeThrownBy(files.read(evil))).toBe("BAD_REQUEST");
          expect(await codeThrownBy(files.remove(evil))).toBe("BAD_REQUEST");
          expect(() => files.blob(evil)).toThrow();
        }
        expect(files.freeBytes()).toBeGreaterThan(0);
      }));
  });
}
