/** `qdfs bench` as scripts and people meet it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HistogramLogReader } from "hdr-histogram-js";
import { Exit } from "../../src/base/errors.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import { BenchCommand } from "../../src/cli/commands/bench.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { BINARY, fails, PATIENCE_MS, scratch, startCluster } from "./harness.ts";

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

describe("several processes", () => {
  test("measure together, and everything that each of them answered is judged", async () => {
    using dir = scratch();
    const [history, histogram] = [join(dir.path, "history"), join(dir.path, "run.hlog")];
    const given = [
      "--procs",
      "3",
      "--clients",
      "6",
      "--in-flight",
      "2",
      "--keys",
      "zipfian",
      "--size",
      "100-2KiB",
      "--warm-up",
      "200ms",
    ];
    const result = await bench(...given, "--files", "20", "--check", "--history", history, "--histogram", histogram);
    expect(result).toMatchObject({
      procs: 3,
      clients: 6,
      warmUpSec: 0.2,
      keys: "zipfian",
      sizeBytes: 1074,
      check: { verdict: "ok" },
    });
    const { put, get } = result.operations;
    expect([put.errors, get.errors]).toEqual([0, 0]);
    const lines = readFileSync(history, "utf8").trim().split("\n");
    // The preload and the warm-up, too.
    expect(lines.length).toBeGreaterThan(put.count + get.count + 20);
    expect(result.check?.operationsChecked).toBe(lines.length);
    expect(new Set(lines.map((line) => JSON.parse(line).client)).size).toBeGreaterThanOrEqual(6);
    expect((await cluster.ok(["check", history])).stdout.toString()).toStartWith("ok");
    const counted = result.series.reduce((sum, row) => sum + (row.operations.put?.count ?? 0), 0);
    expect(counted).toBe(put.count);
    expect(histogramCounts(histogram)).toEqual({ put: put.count, get: get.count });
  });

  test("of state queries find the same files", async () => {
    const result = await bench("--mix", "state-query", "--procs", "2", "--files", "30", "--check", "--duration", "500ms");
    expect(result.check?.verdict).toBe("ok");
    expect(result.found?.files).toBeGreaterThanOrEqual(30);
  });

  test("stop at Ctrl-C with the result so far", async () => {
    const run = startRun("--json");
    await run.children(2);
    await Bun.sleep(1500);
    run.process.kill("SIGINT");
    expect(await run.process.exited).toBe(Exit.INTERRUPTED);
    const result: BenchResult = JSON.parse(await run.process.stdout.text());
    expect(result.operations.put.count).toBeGreaterThan(10);
    expect(result.durationSec).toBeLessThan(30);
    await run.gone();
  });

  test("have no result when one of them dies, and all end", async () => {
    const run = startRun("--json");
    const [first = 0] = await run.children(2);
    await Bun.sleep(500);
    process.kill(first, "SIGKILL");
    expect(await run.process.exited).toBe(Exit.INTERRUPTED);
    expect(await run.process.stdout.text()).toBe("");
    expect(await run.process.stderr.text()).toMatch(/client process \d of 2 ended \(SIGKILL\)/);
    await run.gone();
  });

  test.each(["SIGKILL", "SIGTERM"] as const)("end with their parent's death by %s, and leave nothing behind", async (signal) => {
    const run = startRun("--check");
    await run.children(2);
    run.process.kill(signal);
    await run.process.exited;
    await run.gone();
    expect(readdirSync(cluster.dir).filter((name) => name.startsWith("qdfs-bench-"))).toEqual([]);
  });

  test("are not started for what they cannot do", async () => {
    await fails(cluster, Exit.USAGE, ["bench", "--procs", "2", "--trace"]);
    await fails(cluster, Exit.USAGE, ["bench", "--procs", "4", "--clients", "3"]);
    await fails(cluster, Exit.UNAVAILABLE, ["bench", "--procs", "2", "--supernode", "127.0.0.1:1"]);
  });
});

test("64 writers of one file get their turns", async () => {
  const { operations } = await bench("--only", "put", "--clients", "64", "--files", "1", "--duration", "2s");
  expect(operations.put.errors).toBe(0);
  expect(operations.put.count).toBeGreaterThan(64);
});

test("every example of `qdfs help bench` runs", async () => {
  using dir = scratch();
  const env = { ...cluster.env, PATH: `${dirname(BINARY)}:${process.env.PATH}` };
  for (const [, example] of BenchCommand.usage.examples ?? []) {
    // As long as it takes to see that it runs.
    const short = example
      .replace(/ --(duration|warm-up) \S+/g, "")
      .replaceAll(/(qdfs bench)(?! --compare)/g, "$1 --duration 300ms");
    const shell = Bun.spawn(["bash", "-euo", "pipefail", "-c", short], { cwd: dir.path, env, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([shell.stdout.text(), shell.stderr.text()]);
    expect([example, await shell.exited, stderr]).toEqual([example, 0, expect.any(String)]);
    if (example.includes("--compare")) expect(stdout).toMatch(/clients: A 8; B 32.*put p99Ms/s);
  }
  const page = readFileSync(join(dir.path, "run.html"), "utf8");
  expect(page).toContain("<svg ");
  expect(page).not.toMatch(/https?:/);
  expect(histogramCounts(join(dir.path, "run.hlog")).put).toBeGreaterThan(0);
});

test("a file that cannot be written is said before anything is measured", async () => {
  for (const flag of ["--html", "--histogram", "--history"]) {
    const { stderr } = await fails(cluster, Exit.LOCAL, ["bench", flag, "/nowhere/to/be/found"]);
    expect(stderr.toString()).not.toContain("measuring");
  }
});

/** Operations by kind, as HdrHistogram's own reader finds them. */
function histogramCounts(file: string): Record<string, number> {
  const reader = new HistogramLogReader(readFileSync(file, "utf8"));
  const counts: Record<string, number> = {};
  for (let histogram = reader.nextIntervalHistogram(); histogram !== null; histogram = reader.nextIntervalHistogram()) {
    counts[histogram.tag] = (counts[histogram.tag] ?? 0) + histogram.totalCount;
  }
  return counts;
}

/** A long run of two processes. */
function startRun(...flags: readonly string[]) {
  const args = ["bench", "--only", "put", "--procs", "2", "--clients", "2", "--duration", "60s", ...flags];
  const run = Bun.spawn([BINARY, ...args], { env: { ...cluster.env, TMPDIR: cluster.dir }, stdout: "pipe", stderr: "pipe" });
  let seen: readonly number[] = [];
  return {
    process: run,
    /** Waits until so many children run. */
    children: async (count: number) => {
      for (let turn = 0; turn < 400 && seen.length < count; turn++) {
        await Bun.sleep(25);
        seen = childrenOf(run.pid);
      }
      expect(seen.length).toBe(count);
      return seen;
    },
    /** Waits until none of them is left. */
    gone: async () => {
      for (let turn = 0; turn < 400 && seen.some(isRunning); turn++) await Bun.sleep(25);
      expect(seen.filter(isRunning)).toEqual([]);
    },
  };
}

function childrenOf(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]);
  const rows = stdout.toString().trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/).map(Number)).flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}

/** A process that ended and that nobody waits for yet does not run. */
function isRunning(pid: number): boolean {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)]);
  const state = stdout.toString().trim();
  return state !== "" && !state.startsWith("Z");
}
