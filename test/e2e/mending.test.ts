/** What goes bad or missing on one disk is found and fetched again, by a scrub and by a repair, without any client that reads it. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { bytesOf, fails, putText, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

interface Scrubbed {
  readonly node: string;
  readonly running: boolean;
  readonly chunks: number;
  readonly contents: number;
  readonly found: number;
  readonly mended: number;
  readonly unmended: number;
}

interface Repaired {
  readonly node: string;
  readonly state: string;
  readonly findings: readonly { readonly what: string; readonly mended: boolean }[];
}

function chunkFiles(dataDir: string): readonly string[] {
  const entries = readdirSync(join(dataDir, "chunks"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The bytes of every chunk file, by name, once all nodes have all of them. */
async function everywhere(cluster: LocalCluster, count: number): Promise<ReadonlyMap<string, Buffer>> {
  for (let waited = 0; waited < 300; waited++) {
    const files = [1, 2, 3].map((number) => chunkFiles(join(cluster.dir, `dn${number}`)));
    if (files.every(({ length }) => length === count)) return new Map(files.flat().map((path) => [path, readFileSync(path)]));
    await Bun.sleep(100);
  }
  throw new Error("the chunks do not arrive everywhere");
}

/** Flips a byte of every third file, cuts every third one short, removes the rest. */
function damage(paths: readonly string[]): void {
  for (const [index, path] of paths.entries()) {
    const bytes = readFileSync(path);
    const middle = Math.floor(statSync(path).size / 2);
    if (index % 3 === 0) {
      bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
    } else if (index % 3 === 1) writeFileSync(path, bytes.subarray(0, middle));
    else rmSync(path);
  }
}

function isWhole(files: ReadonlyMap<string, Buffer>, dataDir: string): boolean {
  return [...files].every(([path, bytes]) => !path.startsWith(dataDir) || bytesIn(path)?.equals(bytes) === true);
}

/** Undefined: there is none; a bad one may be set aside while we look. */
function bytesIn(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

test("every damaged, cut or removed chunk file of a DataNode is whole again after `scrub --wait`, and no client read it", async () => {
  await using cluster = await startCluster();
  for (const index of [1, 2, 3]) await cluster.ok(["put", "-", `/big/${index}`], { stdin: bytesOf(9 * 2 ** 20, index) });
  await putText(cluster, "/small", "inline");
  const files = await everywhere(cluster, 9);
  const dataDir = join(cluster.dir, "dn2");
  damage(chunkFiles(dataDir));
  expect(isWhole(files, dataDir)).toBe(false);

  const rows = await cluster.rows<Scrubbed>(["scrub", "--node", "dn-2", "--wait"]);
  expect(rows).toMatchObject([{ node: "dn-2", running: false, contents: 1, found: 9, mended: 9, unmended: 0 }]);
  expect(isWhole(files, dataDir)).toBe(true);
  expect(readdirSync(join(dataDir, "quarantine")).length).toBe(9);
  await cluster.waitFor(({ alarms }) => alarms.length === 0); // they come with the next heartbeat

  const again = await cluster.rows<Scrubbed>(["scrub", "--wait"]);
  expect(again.map(({ node, found, chunks }) => [node, found, chunks])).toEqual([
    ["dn-1", 0, 9],
    ["dn-2", 0, 9],
    ["dn-3", 0, 9],
  ]);
  const shown = await cluster.rows<Scrubbed>(["scrub", "--show"]);
  expect(shown.length).toBe(3);
  expect((await cluster.ok(["scrub", "--show"])).stdout.toString()).toContain("nothing bad");
});

test("`repair PATH` mends that file's copies at every node and says what it did; what it cannot mend is exit code 9", async () => {
  await using cluster = await startCluster();
  await cluster.ok(["put", "-", "/big"], { stdin: bytesOf(9 * 2 ** 20, 5) });
  const files = await everywhere(cluster, 3);
  const dataDir = join(cluster.dir, "dn3");
  damage(chunkFiles(dataDir));
  const rows = await cluster.rows<Repaired>(["repair", "/big"]);
  expect(rows.map(({ node, state, findings }) => [node, state, findings.length])).toEqual([
    ["dn-1", "whole", 0],
    ["dn-2", "whole", 0],
    ["dn-3", "mended", 3],
  ]);
  expect(isWhole(files, dataDir)).toBe(true);

  // A replica that was away and missed a file altogether.
  await cluster.node(0).stop("SIGKILL");
  await putText(cluster, "/missed", "x");
  await cluster.node(0).start();
  await cluster.ok(["repair", "/missed"]);
  const [stat] = await cluster.rows<{ replicas: readonly { state: string }[] }>(["stat", "/missed"]);
  expect(stat?.replicas.map(({ state }) => state)).toEqual(["current", "current", "current"]);

  const all = await cluster.rows<{ node: string; files: number; found: number }>(["repair"]);
  expect(all).toMatchObject(["dn-1", "dn-2", "dn-3"].map((node) => ({ node, files: 2, found: 0 })));

  for (const number of [1, 2, 3]) for (const path of chunkFiles(join(cluster.dir, `dn${number}`)).slice(0, 1)) rmSync(path);
  const { stderr } = await fails(cluster, Exit.CORRUPT, ["repair", "/big"]);
  expect(stderr).toContain("its file is gone");
  expect((await cluster.waitFor((status) => status.alarms.length > 0)).alarms.join("\n")).toContain("not mended yet");
  await fails(cluster, Exit.NOT_FOUND, ["repair", "/never"]);
  await fails(cluster, Exit.NOT_FOUND, ["scrub", "--node", "dn-9"]);
  await fails(cluster, Exit.USAGE, ["scrub", "--node", "here"]);
});

test("a scrub goes through everything in every period by itself, and over restarts", async () => {
  await using cluster = await startCluster({ nodes: 2, quorum: "n=3,w=2,r=2", wait: false });
  const third = cluster.addNode("--scrub-period", "3s");
  await third.start();
  await cluster.waitFor(({ state }) => state === "ok");
  await cluster.ok(["put", "-", "/big"], { stdin: bytesOf(9 * 2 ** 20, 5) });
  const files = await everywhere(cluster, 3);
  const dataDir = join(cluster.dir, "dn3");
  for (let times = 0; times < 2; times++) {
    damage(chunkFiles(dataDir));
    if (times === 1) {
      await third.stop("SIGKILL");
      await third.start();
    }
    for (let waited = 0; waited < 200 && !isWhole(files, dataDir); waited++) await Bun.sleep(100);
    expect(isWhole(files, dataDir)).toBe(true);
  }
});
