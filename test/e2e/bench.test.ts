/** `qdfs bench` as scripts and people meet it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchResult } from "../../src/bench/result.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { PATIENCE_MS, scratch, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster();
}, PATIENCE_MS);
afterAll(() => cluster?.stop());

async function bench(...args: readonly string[]): Promise<BenchResult> {
  const result = (await cluster.rows<BenchResult>(["bench", "--duration", "1s", "--files", "100", ...args])).at(-1);
  if (result === undefined) throw new Error("no result");
  return result;
}

for (const mix of ["read-heavy", "write-heavy", "balanced", "state-query"]) {
  test(`${mix} runs without an error and gives its figures`, async () => {
    const result = await bench("--mix", mix, "--clients", "4", "--size", "4KiB");
    expect(result).toMatchObject({
      mix,
      clients: 4,
      inFlight: 1,
      sizeBytes: 4096,
      files: 100,
      fsync: true,
      quorum: { n: 3, w: 2, r: 2 },
    });
    const kinds = Object.values(result.operations);
    expect(kinds.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(20);
    for (const { count, errors, p50Ms, p95Ms, p99Ms, maxMs } of kinds) {
      expect(errors).toBe(0);
      if (count > 0) expect(0 < p50Ms && p50Ms <= p95Ms && p95Ms <= p99Ms && p99Ms <= maxMs).toBe(true);
    }
    if (mix === "state-query") expect(result.found?.files).toBeGreaterThanOrEqual(100);
    else expect(Object.values(result.perNode).reduce((sum, { puts }) => sum + puts, 0)).toBe(result.operations.put.count);
  });
}

test("an open loop keeps its rate", async () => {
  const { operations } = await bench("--only", "put", "--rate", "100");
  expect(operations.put).toMatchObject({ count: 100, errors: 0 });
});

test("the history tells each operation, and each get returns what the put of its version wrote", async () => {
  using dir = scratch();
  const file = join(dir.path, "history");
  const { operations } = await bench(
    "--mix",
    "balanced",
    "--clients",
    "2",
    "--in-flight",
    "4",
    "--files",
    "10",
    "--history",
    file,
  );
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.length).toBe(operations.put.count + operations.get.count + 10);
  const written = new Map<string, string>();
  for (const { kind, path, version, valueId } of lines) if (kind === "put") written.set(`${path}@${version}`, valueId);
  for (const { kind, path, version, valueId, callNs, returnNs, outcome } of lines) {
    expect(outcome).toBe("ok");
    expect(returnNs).toBeGreaterThan(callNs);
    if (kind === "get") expect(written.get(`${path}@${version}`)).toBe(valueId);
  }
});

test("the trace has a line per operation, the report its conditions", async () => {
  const { stdout } = await cluster.ok(["bench", "--mix", "balanced", "--duration", "200ms", "--files", "5", "--trace"]);
  expect(stdout.toString()).toMatch(/^client \d+ {2}(put|get) {2,3}\/bench\/\w+\/f\d+ {2}dn-\d {2}v\d+ {2}ok/m);
  expect(stdout.toString()).toContain("N=3 W=2 R=2");
});

test("--cleanup leaves no file behind", async () => {
  const { directory } = await bench("--mix", "balanced", "--cleanup");
  expect(await cluster.rows(["ls", "-r", directory])).toEqual([]);
});
