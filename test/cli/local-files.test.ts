import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { codeOf, QdfsError } from "../../src/base/errors.ts";
import { type Found, walk, withLocalFile } from "../../src/cli/local-source.ts";
import { LocalTree, writeLocalFile, writeSmallFile } from "../../src/cli/local-target.ts";
import { temporaryDir } from "./run-cli.ts";

const MIB = 2 ** 20;

async function bytesOf(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (content instanceof Uint8Array) return Buffer.from(content);
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part.slice());
  return Buffer.concat(parts);
}

async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function codeFrom(work: Promise<unknown>): Promise<string | undefined> {
  return await work.then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? "not coded",
  );
}

describe("a local file is read", () => {
  const far = "/dev/shm/qdfs-far-future"; // a file system in memory keeps any time
  test.skipIf(!existsSync("/dev/shm"))("a file of the far future is one of the last day that there is", async () => {
    writeFileSync(far, "x");
    try {
      utimesSync(far, 9e15, 9e15);
      expect(await withLocalFile(far, async ({ modifiedAtMs }) => modifiedAtMs)).toBe(8.64e15);
    } finally {
      rmSync(far);
    }
  });

  test.each([0, 1, 64 * 1024, 64 * 1024 + 1, 9 * MIB])("whole, with its size, time and mode: %d bytes", async (sizeBytes) => {
    const file = join(temporaryDir(), "file");
    const bytes = crypto.getRandomValues(new Uint8Array(Math.min(sizeBytes, 65_536)));
    writeFileSync(file, Buffer.alloc(sizeBytes, bytes.length === 0 ? "x" : bytes));
    chmodSync(file, 0o640);
    utimesSync(file, 1_700_000_000.5, 1_700_000_000.5);
    await withLocalFile(file, async (local, content) => {
      expect(local).toEqual({ sizeBytes, modifiedAtMs: 1_700_000_000_500, mode: 0o640 });
      expect((await bytesOf(content)).equals(readFileSync(file))).toBe(true);
    });
  });

  const changes: [string, (file: string) => void][] = [
    ["grows", (file) => appendFileSync(file, "more")],
    ["shrinks", (file) => truncateSync(file, MIB)],
    ["is written to", (file) => writeFileSync(file, Buffer.alloc(9 * MIB, "y"))],
  ];
  test.each(changes)("but not when it %s meanwhile: the stream fails at its end", async (_, change) => {
    const file = join(temporaryDir(), "file");
    writeFileSync(file, Buffer.alloc(9 * MIB, "x"));
    utimesSync(file, 1_700_000_000, 1_700_000_000);
    const reading = withLocalFile(file, async (_local, content) => {
      if (content instanceof Uint8Array) throw new Error("it is streamed");
      let blocks = 0;
      for await (const block of content) {
        expect(block.length).toBeGreaterThan(0);
        if (blocks++ === 0) change(file);
      }
    });
    expect(await codeFrom(reading)).toBe("LOCAL_FILE");
  });
});

describe("a walk", () => {
  test("finds every file in order, names symbolic links, and goes on past what cannot be read", async () => {
    const root = temporaryDir();
    mkdirSync(join(root, "b/c"), { recursive: true });
    mkdirSync(join(root, "empty"));
    for (const name of ["b/c/2", "b/1", "a", "日本語.txt", "-dash"]) writeFileSync(join(root, name), name);
    symlinkSync("a", join(root, "link"));
    symlinkSync("..", join(root, "b/loop"));
    const found: Found[] = [];
    for await (const one of walk(root)) found.push(one);
    const files = found.flatMap((one) => (one.kind === "file" ? [one.relative] : []));
    expect(files).toEqual(["-dash", "a", "b/1", "b/c/2", "日本語.txt"]);
    expect(found.filter(({ kind }) => kind === "symlink").length).toBe(2);
  });

  test("refuses the second of two names that are one in NFC", async () => {
    const root = temporaryDir();
    writeFileSync(join(root, "caf\u00e9"), "1");
    writeFileSync(join(root, "cafe\u0301"), "2");
    const kinds: string[] = [];
    for await (const one of walk(root)) kinds.push(one.kind);
    expect(kinds.sort()).toEqual(["failure", "file"]);
  });

  test("of a directory that is not there fails", async () => {
    const walking = (async () => {
      for await (const _ of walk("/no/such/dir"));
    })();
    expect(await codeFrom(walking)).toBe("LOCAL_FILE");
  });
});

describe("a local file is written", () => {
  test("whole, with time and mode", async () => {
    const file = join(temporaryDir(), "file");
    await writeLocalFile(file, pieces("hello ", "world"), { modifiedAtMs: 1_700_000_000_000, mode: 0o600 });
    expect(readFileSync(file, "utf8")).toBe("hello world");
    expect(statSync(file).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("or not at all: the old one stays when the bytes fail, and nothing is left beside it", async () => {
    const dir = temporaryDir();
    const file = join(dir, "file");
    writeFileSync(file, "old");
    const failing = (async function* () {
      yield Buffer.from("new");
      throw new QdfsError("CORRUPT", "no valid copy");
    })();
    expect(await codeFrom(writeLocalFile(file, failing, undefined))).toBe("CORRUPT");
    expect(readFileSync(file, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  test("through a link to the file it names; into a device without replacing it", async () => {
    const dir = temporaryDir();
    writeFileSync(join(dir, "file"), "old");
    symlinkSync("file", join(dir, "link"));
    await writeLocalFile(join(dir, "link"), pieces("new"), undefined);
    expect(readFileSync(join(dir, "file"), "utf8")).toBe("new");
    expect(lstatSync(join(dir, "link")).isSymbolicLink()).toBe(true);
    await writeLocalFile("/dev/null", pieces("new"), undefined);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("a directory, a missing directory: LOCAL_FILE", async () => {
    const dir = temporaryDir();
    expect(await codeFrom(writeLocalFile(dir, pieces("x"), undefined))).toBe("LOCAL_FILE");
    expect(await codeFrom(writeLocalFile(join(dir, "no/file"), pieces("x"), undefined))).toBe("LOCAL_FILE");
  });
});

describe("a small local file is written", () => {
  const facts = { modifiedAtMs: 1_700_000_000_000, mode: 0o626 };
  const inOld = (file: string) => ({ file, inNewDirectory: false });

  test("whole, with time and mode, in the place of another", () => {
    const dir = temporaryDir();
    const file = join(dir, "file");
    writeFileSync(file, "old and longer");
    writeSmallFile(inOld(file), Buffer.from("new"), facts);
    expect(readFileSync(file, "utf8")).toBe("new");
    expect([statSync(file).mtimeMs, statSync(file).mode & 0o777]).toEqual([1_700_000_000_000, 0o626]);
    writeSmallFile(inOld(file), new Uint8Array(0), { modifiedAtMs: 9e15, mode: 0 });
    expect(statSync(file).size).toBe(0);
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  test("in a new directory likewise", () => {
    const dir = temporaryDir();
    const file = join(dir, "file");
    writeSmallFile({ file, inNewDirectory: true }, Buffer.from("new"), facts);
    expect([readFileSync(file, "utf8"), statSync(file).mtimeMs, statSync(file).mode & 0o777]).toEqual([
      "new",
      1_700_000_000_000,
      0o626,
    ]);
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  test("in the place of a link, never through it", () => {
    const dir = temporaryDir();
    writeFileSync(join(dir, "target"), "untouched");
    symlinkSync("target", join(dir, "link"));
    writeSmallFile(inOld(join(dir, "link")), Buffer.from("new"), facts);
    expect(readFileSync(join(dir, "target"), "utf8")).toBe("untouched");
    expect([lstatSync(join(dir, "link")).isFile(), readFileSync(join(dir, "link"), "utf8")]).toEqual([true, "new"]);
  });

  test("nowhere else: a directory, a missing directory, a device are LOCAL_FILE, and nothing is left beside them", async () => {
    const dir = temporaryDir();
    for (const file of [dir, join(dir, "no/file"), "/dev/null"]) {
      expect(await codeFrom((async () => writeSmallFile(inOld(file), Buffer.from("x"), facts))())).toBe("LOCAL_FILE");
    }
    expect(readdirSync(dir)).toEqual([]);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});

test("a time that no date can show is not restored, and the file is written all the same", async () => {
  const file = join(temporaryDir(), "far");
  await writeLocalFile(file, pieces("x"), { modifiedAtMs: 9e15, mode: 0o600 });
  expect(readFileSync(file, "utf8")).toBe("x");
});

describe("a tree", () => {
  test("never leaves its directory through a symbolic link", async () => {
    const outside = temporaryDir();
    const root = temporaryDir();
    symlinkSync(outside, join(root, "link"));
    writeFileSync(join(outside, "target"), "untouched");
    symlinkSync(join(outside, "target"), join(root, "file"));
    const tree = new LocalTree(root);
    expect(await codeFrom(tree.prepare(["link", "file"]))).toBe("LOCAL_FILE");
    await writeLocalFile((await tree.prepare(["file"])).file, pieces("new"), undefined, true);
    expect(readFileSync(join(outside, "target"), "utf8")).toBe("untouched");
    expect(readFileSync(join(root, "file"), "utf8")).toBe("new");
  });

  test("makes its directories, its own included, and says which of them are new", async () => {
    const root = join(temporaryDir(), "new/root");
    const tree = new LocalTree(root);
    expect(await Promise.all([tree.prepare(["a", "b", "1"]), tree.prepare(["a", "2"]), tree.prepare(["3"])])).toEqual([
      { file: join(root, "a/b/1"), inNewDirectory: true },
      { file: join(root, "a/2"), inNewDirectory: true },
      { file: join(root, "3"), inNewDirectory: true },
    ]);
    expect(existsSync(join(root, "a/b"))).toBe(true);
    const again = new LocalTree(root);
    expect(await again.prepare(["a", "2"])).toEqual({ file: join(root, "a/2"), inNewDirectory: false });
    expect(await again.prepare(["3"])).toEqual({ file: join(root, "3"), inNewDirectory: false });
    expect(await again.prepare(["c", "4"])).toEqual({ file: join(root, "c/4"), inNewDirectory: true });
  });
});
