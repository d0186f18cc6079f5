/** `qdfs bench --check` and `qdfs check`: real runs judged, a healthy cluster's and one whose DataNodes die and freeze. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import type { RecordedOperation } from "../../src/check/history.ts";
import type { Judgement } from "../../src/check/judge.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { fails, PATIENCE_MS, scratch, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startCluster();
}, PATIENCE_MS);
afterAll(() => cluster?.stop());

async function checked(...args: readonly string[]): Promise<BenchResult> {
  const result = (await cluster.rows<BenchResult>(["bench", "--check", "--duration", "1s", ...args])).at(-1);
  if (result === undefined) throw new Error("no result");
  return result;
}

test("what a healthy cluster answers is linearizable, on many files and on one", async () => {
  for (const files of ["100", "1"]) {
    const { check, operations } = await checked("--mix", "balanced", "--clients", "8", "--in-flight", "4", "--files", files);
    expect(check).toMatchObject({ verdict: "ok", files: Number(files), operationsOpen: 0, notKept: 0, violations: [] });
    expect(check?.operationsChecked).toBe(operations.put.count + operations.get.count + Number(files));
  }
});

test("its listings show what was written", async () => {
  const { check, operations } = await checked("--mix", "state-query", "--clients", "2", "--files", "50");
  expect(check).toMatchObject({ verdict: "ok", operationsChecked: 50, listingsViolated: 0 });
  expect(check?.listingsChecked).toBeGreaterThan(operations.ls.count / 4 - 2);
});

test("contents of several chunks are judged by all their bytes", async () => {
  const { check } = await checked("--mix", "balanced", "--clients", "2", "--files", "3", "--size", "6MiB");
  expect(check).toMatchObject({ verdict: "ok", files: 3 });
});

test("a history judged from outside is judged alike; with one answer changed it is a violation that is shown", async () => {
  using dir = scratch();
  const file = join(dir.path, "history");
  const { check } = await checked("--mix", "balanced", "--clients", "4", "--files", "5", "--history", file);
  const [judged] = await cluster.rows<Judgement>(["check", file]);
  expect(judged).toEqual(expect.objectContaining({ verdict: "ok", operationsChecked: check?.operationsChecked, files: 5 }));

  const history = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line): RecordedOperation => JSON.parse(line));
  const last = history.findLast(({ kind }) => kind === "get");
  const first = history.find(({ kind, path }) => kind === "put" && path === last?.path);
  const stale = history.map((operation) =>
    operation === last ? { ...operation, version: first?.version, valueId: first?.valueId } : operation,
  );
  writeFileSync(file, stale.map((operation) => `${JSON.stringify(operation)}\n`).join(""));
  const { stdout } = await fails(cluster, Exit.VIOLATION, ["check", file]);
  expect(stdout.toString()).toStartWith("VIOLATED: 1 file not linearizable");
  expect(stdout.toString()).toContain(`${last?.path}: a stale read: it returned version 1 after`);
});

test("it stays linearizable while DataNodes are killed, frozen and started again", async () => {
  const args = ["--mix", "balanced", "--clients", "8", "--in-flight", "2", "--files", "20", "--duration", "8s"];
  const run = checked(...args);
  await Bun.sleep(1500);
  await cluster.node(0).stop("SIGKILL");
  await Bun.sleep(1500);
  await cluster.node(0).start();
  await Bun.sleep(1000);
  cluster.node(1).signal("SIGSTOP");
  await Bun.sleep(1500);
  cluster.node(1).signal("SIGCONT");
  await cluster.node(2).stop("SIGKILL");
  await cluster.node(2).start();
  const { check, operations } = await run;
  expect(check).toMatchObject({ verdict: "ok", files: 20, violations: [] });
  expect(operations.put.count).toBeGreaterThan(100);
});
