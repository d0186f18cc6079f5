/**
 * `qdfs chaos` as users run it: real processes that are killed, frozen, cut off, filled up and damaged under load. Afterwards every
 * answer must have been right: no acknowledged put is lost, what was refused is nowhere, no strong read has ever gone back.
 *
 * Short by default; QDFS_LONG=1 runs for minutes, and kills and proxied links alone, too. QDFS_SEED repeats the faults (not the timing of the processes).
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import type { ChaosResult } from "../../src/chaos/run.ts";
import { type CommandResult, runCommand } from "../../src/tools/run-command.ts";
import { BINARY, scratch } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const LONG = process.env.QDFS_LONG === "1";
const SEED = process.env.QDFS_SEED ?? String(Math.floor(Math.random() * 1e6));
/** Beside the faults: starting, healing, judging. */
const MARGIN_MS = 90_000;

async function chaos(dir: string, ...args: readonly string[]): Promise<CommandResult> {
  const env = { PATH: process.env.PATH ?? "", HOME: dir, TMPDIR: dir };
  return await runCommand(BINARY, ["chaos", ...args], { env, timeoutMs: 900_000 });
}

/** The result of a run that must end well; what it said goes along with a failure. */
async function endsWell(dir: string, durationSec: number, ...args: readonly string[]): Promise<ChaosResult> {
  const { exit, stdout, stderr } = await chaos(dir, "--seed", SEED, "--duration", `${durationSec}s`, "--json", ...args);
  if (exit !== Exit.DONE) throw new Error(`exit ${exit}; again: QDFS_SEED=${SEED}\n${stdout}\n${stderr}`);
  const result: ChaosResult = JSON.parse(stdout.toString());
  process.stderr.write(`chaos, seed ${SEED}: ${JSON.stringify({ ...result.faults, ...result.check })}\n`);
  expect(result.check.verdict).toBe("ok");
  return result;
}

/** What a run left behind; the native libraries that Bun unpacks are not its own. */
function left(dir: string): readonly string[] {
  return readdirSync(dir).filter((name) => name.startsWith("qdfs"));
}

/** Processes that run with data in this directory. */
function processesOf(dir: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(dir);
      } catch {
        return false; // ended meanwhile
      }
    });
}

/** Resolves when the cluster has been there for a while. */
async function underWay(dir: string): Promise<void> {
  while (processesOf(dir).length <= 3) await Bun.sleep(100);
  await Bun.sleep(8_000); // past the start, when a DataNode still looks for its SuperNode
}

describe("qdfs chaos", () => {
  test(
    "of every kind ends with the verdict ok and leaves nothing behind",
    async () => {
      using dir = scratch();
      const durationSec = LONG ? 240 : 12;
      const { faults, faultsTotal, operations, check } = await endsWell(dir.path, durationSec);
      expect(faultsTotal).toBeGreaterThan(durationSec / 4);
      expect(Object.keys(faults).length).toBeGreaterThan(2);
      expect(operations.put?.ok).toBeGreaterThan(durationSec * 5);
      expect(operations.get?.ok).toBeGreaterThan(durationSec * 5);
      expect(check.operationsChecked).toBeGreaterThan(durationSec * 10);
      expect(left(dir.path)).toEqual([]);
      expect(processesOf(dir.path)).toEqual([]);
    },
    300_000 + MARGIN_MS,
  );

  test.if(LONG)(
    "of kills alone loses no acknowledged put",
    async () => {
      using dir = scratch();
      const durationSec = 240;
      const { faults, operations } = await endsWell(
        dir.path,
        durationSec,
        "--faults",
        "kill,kill-supernode,kill-all",
        "--rate",
        "300",
      );
      expect(Object.keys(faults).every((kind) => kind.startsWith("kill"))).toBe(true);
      expect(Object.values(faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(durationSec / 6);
      expect(operations.put?.ok).toBeGreaterThan(durationSec * 20);
    },
    300_000 + MARGIN_MS,
  );

  test.if(LONG)(
    "with links that are slow, reset and cut by proxies ends with the verdict ok",
    async () => {
      using dir = scratch();
      const durationSec = 240;
      const { faults } = await endsWell(
        dir.path,
        durationSec,
        "--network",
        "proxies",
        "--faults",
        "delay,reset,cut,one-way,partition",
      );
      expect(Object.values(faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(durationSec / 6);
    },
    300_000 + MARGIN_MS,
  );

  // Most of its time is spent waiting.
  test.concurrent(
    "ends early on a signal: with a verdict, and without its processes",
    async () => {
      using dir = scratch();
      const env = { PATH: process.env.PATH ?? "", HOME: dir.path, TMPDIR: dir.path };
      await using child = Bun.spawn([BINARY, "chaos", "--duration", "10m", "--json"], { env, stdout: "pipe", stderr: "pipe" });
      await underWay(dir.path);
      child.kill("SIGINT");
      const result: ChaosResult = JSON.parse(await new Response(child.stdout).text());
      expect(await child.exited).toBe(Exit.INTERRUPTED);
      expect(result.check.verdict).toBe("ok");
      expect(processesOf(dir.path)).toEqual([]);
    },
    MARGIN_MS,
  );

  // Most of its time is spent waiting.
  test.concurrent(
    "that is killed takes its processes with it",
    async () => {
      using dir = scratch();
      const env = { PATH: process.env.PATH ?? "", HOME: dir.path, TMPDIR: dir.path };
      // Nothing that mounts: with proxies nobody would be left to unmount it.
      const args = ["chaos", "--duration", "10m", "--faults", "freeze,kill,cut", "--json"];
      await using child = Bun.spawn([BINARY, ...args], { env, stdout: "ignore", stderr: "ignore" });
      await underWay(dir.path);
      child.kill("SIGKILL");
      await child.exited;
      for (let waited = 0; waited < 200 && processesOf(dir.path).length > 0; waited++) await Bun.sleep(100);
      expect(processesOf(dir.path)).toEqual([]);
    },
    MARGIN_MS,
  );

  // Most of its time is spent waiting.
  test.concurrent(
    "keeps a history that `qdfs check` judges again; one in which a read went back is a violation",
    async () => {
      using dir = scratch();
      const args = ["--duration", "6s", "--faults", "reset", "--seed", SEED, "--keep"];
      expect((await chaos(dir.path, ...args)).exit).toBe(Exit.DONE);
      const kept = join(dir.path, readdirSync(dir.path).find((name) => name.startsWith("qdfs-chaos-")) ?? "");
      const history = join(kept, "history.ndjson");
      expect(existsSync(history)).toBe(true);
      const check = () => runCommand(BINARY, ["check", history]);
      expect((await check()).exit).toBe(Exit.DONE);

      writeFileSync(history, withAStaleRead(readFileSync(history, "utf8")));
      const { exit, stdout } = await check();
      expect([exit, stdout.toString().includes("stale read")]).toEqual([Exit.VIOLATION, true]);
    },
    MARGIN_MS,
  );

  test("refuses what makes no sense", async () => {
    using dir = scratch();
    for (const args of [
      ["--faults", "earthquake"],
      ["--duration", "0s"],
      ["--nodes", "0"],
      ["--nodes", "2", "--quorum", "n=3,w=2,r=2"],
      ["--network", "pigeons"],
      ["--seed", "x"],
    ]) {
      const { exit, stderr } = await chaos(dir.path, ...args);
      expect([exit, args.join(" "), stderr.includes("    at ")]).toEqual([Exit.USAGE, args.join(" "), false]);
    }
    expect(left(dir.path)).toEqual([]);
  });
});

/** A read of what was current before the last acknowledged put, after that put. */
function withAStaleRead(history: string): string {
  const operations = history
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const puts = operations.filter(({ kind, outcome, version }) => kind === "put" && outcome === "ok" && version > 1);
  const last = puts.at(-1);
  const before = operations.find(
    ({ kind, outcome, path, version }) => kind === "put" && outcome === "ok" && path === last.path && version < last.version,
  );
  const callNs = 1e6 + Math.max(...operations.map(({ returnNs }) => returnNs ?? 0));
  const stale = { ...before, kind: "get", callNs, returnNs: callNs + 1 };
  return `${history}${JSON.stringify(stale)}\n`;
}
