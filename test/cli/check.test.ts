/** `qdfs check FILE`: a history judged without a cluster. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import type { RecordedListing, RecordedOperation } from "../../src/check/history.ts";
import { historyLine } from "../../src/check/history-file.ts";
import { get, ls, put, rm } from "../check/write.ts";
import { runCli, temporaryDir } from "./run-cli.ts";

function fileOf(history: readonly (RecordedOperation | RecordedListing)[], more = ""): string {
  const file = join(temporaryDir(), "history");
  writeFileSync(file, history.map((recorded) => `${historyLine(recorded)}\n`).join("") + more);
  return file;
}

const good = [put(0, 1, 1, "a"), get(2, 3, 1, "a"), rm(4, 5, 2), get(6, 7, null, null), ls(8, 9, [])];

test("a consistent history is ok", async () => {
  const { exit, stdout, stderr } = await runCli(["check", fileOf(good, "\n"), "--json"]);
  expect([exit, stderr]).toEqual([Exit.DONE, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "ok", operationsChecked: 4, files: 1, listingsChecked: 1, violations: [] });
});

test("a violation is shown with its operations, and ends with exit code 11", async () => {
  const file = fileOf([put(10e6, 11e6, 2, "b"), put(0, 1e6, 1, "a"), get(20e6, 21e6, 1, "a", { client: 5 })]);
  const { exit, stdout, stderr } = await runCli(["check", file]);
  expect(exit).toBe(Exit.VIOLATION);
  expect(stdout.trimEnd().split("\n")).toEqual([
    "VIOLATED: 1 file not linearizable; judged: 3 operations on 1 file",
    "",
    "/d/f: a stale read: it returned version 1 after client 1's put had returned with version 2",
    "  10.000 … 11.000 ms  client 1  put /d/f value b → version 2",
    "  20.000 … 21.000 ms  client 5  get /d/f → version 1, value a",
  ]);
  expect(stderr).toContain("a stale read");
  const json = await runCli(["check", file, "--json"]);
  expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "VIOLATION" } });
  expect(JSON.parse(json.stdout)).toMatchObject({ verdict: "violated", filesViolated: 1 });
});

test("a listing that lacks a file is a violation", async () => {
  const { exit, stdout } = await runCli(["check", fileOf([put(0, 1, 1, "a"), ls(2, 3, [])])]);
  expect(exit).toBe(Exit.VIOLATION);
  expect(stdout).toContain("/d/f: a listing lacks a file whose put had returned before it began");
});

test("what cannot be judged is not called ok, and has an exit code of its own", async () => {
  const puts = Array.from({ length: 40 }, (_, i) => put(0, 100, null, `v${i}`));
  const gets = Array.from({ length: 40 }, (_, i) => get(0, 100, null, `v${i}`));
  const hard = [...puts, ...gets, get(200, 201, null, "v0"), get(202, 203, null, "v1")];
  const { exit, stdout, stderr } = await runCli(["check", fileOf(hard), "--json"]);
  expect(exit).toBe(Exit.UNKNOWN);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "unknown", filesGivenUp: 1 });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "UNDECIDED" } });
});

test("versions that begin anew need to be allowed", async () => {
  const file = fileOf([...good, put(10, 11, 1, "b")]);
  expect((await runCli(["check", file])).exit).toBe(Exit.VIOLATION);
  expect((await runCli(["check", file, "--tombstones-erased"])).exit).toBe(Exit.DONE);
});

test("a line that is no operation is named", async () => {
  const { exit, stderr } = await runCli(["check", fileOf(good, "nonsense\n")]);
  expect(exit).toBe(Exit.USAGE);
  expect(stderr).toContain("history, line 6: it is not JSON");
});

test("a file that is not there is a matter of this machine", async () => {
  expect((await runCli(["check", "/nowhere/history"])).exit).toBe(Exit.LOCAL);
  expect((await runCli(["check", "/"])).exit).toBe(Exit.LOCAL);
});
