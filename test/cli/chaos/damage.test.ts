import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { damageChunkFile, damageDatabaseFile } from "../../../src/cli/chaos/damage.ts";
import { seededRandom } from "../../../src/runtime/seeded-random.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

function dataDir(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "qdfs-damage-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("one chunk file is damaged, in one way or another, and nothing that is just arriving", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    using dir = dataDir();
    const whole = Buffer.alloc(5_000, seed);
    for (const name of ["ab", "cd", "incoming"]) mkdirSync(join(dir.path, "chunks", name), { recursive: true });
    const files = ["ab/ab01-0", "cd/cd01-0", "incoming/ef01-0.1"].map((name) => join(dir.path, "chunks", name));
    for (const file of files) writeFileSync(file, whole);
    const words = damageChunkFile(dir.path, seededRandom(seed));
    const damaged = files.filter((file) => !existsSync(file) || !readFileSync(file).equals(whole));
    expect(damaged).toHaveLength(1);
    expect(damaged[0]).not.toContain("incoming");
    const [file = ""] = damaged;
    const way = !existsSync(file) ? "removed" : statSync(file).size < whole.length ? "cut short" : "flipped";
    expect(words).toContain(way);
    seen.add(way);
  }
  expect([...seen].sort()).toEqual(["cut short", "flipped", "removed"]);
});

test("where there is no chunk file nothing is damaged", () => {
  using dir = dataDir();
  expect(damageChunkFile(dir.path, seededRandom(1))).toBeUndefined();
  mkdirSync(join(dir.path, "chunks", "ab"), { recursive: true });
  expect(damageChunkFile(dir.path, seededRandom(1))).toBeUndefined();
});

test("a damaged database is put back as it was, log and all", () => {
  using dir = dataDir();
  const data = join(dir.path, "data");
  mkdirSync(data);
  writeFileSync(join(data, "node.db"), Buffer.alloc(20_000, 1));
  writeFileSync(join(data, "node.db-wal"), "log");
  const { undo } = damageDatabaseFile(data, join(dir.path, "kept"), seededRandom(1));
  expect(readFileSync(join(data, "node.db")).equals(Buffer.alloc(20_000, 1))).toBe(false);
  writeFileSync(join(data, "node.db-wal"), "other");
  writeFileSync(join(data, "node.db-shm"), "stray");
  undo();
  expect(readFileSync(join(data, "node.db")).equals(Buffer.alloc(20_000, 1))).toBe(true);
  expect(readFileSync(join(data, "node.db-wal"), "utf8")).toBe("log");
  expect(existsSync(join(data, "node.db-shm"))).toBe(false);
});
