/** The executable's manners (CLI.md), tried without a cluster. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ERRORS, Exit } from "../../src/base/errors.ts";
import { VERSION } from "../../src/base/version.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { type Run, runCli, temporaryDir } from "./run-cli.ts";

/** Processes on a busy machine. Each file says this for itself: Bun forgets it at a file's end, and bunfig.toml has no such key. */
setDefaultTimeout(60_000);

/** A clear word on stderr, nothing on stdout, no stack trace. */
function expectRefusal(run: Run, exit: number, code: string): void {
  expect(run.stderr).toContain(code);
  expect(run).toMatchObject({ exit, stdout: "" });
  expect(run.stderr).not.toContain("    at ");
}

describe("help", () => {
  test("--version prints the version", async () => {
    expect(await runCli(["--version"])).toEqual({ exit: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  test("--help names every command", async () => {
    const { exit, stdout } = await runCli(["--help"]);
    expect(exit).toBe(0);
    for (const { name } of VERBS) expect(stdout).toContain(`  ${name} `);
  });

  test.each(VERBS.map(({ name }) => name))("`%s --help` has flags and examples that can be run", async (name) => {
    const { exit, stdout } = await runCli([name, "--help"]);
    expect(exit).toBe(0);
    expect(stdout).toContain(`qdfs ${name}`);
    expect(stdout).toContain("Flags");
    expect(stdout).toMatch(/Examples\n {2}# .+\n {2}.*qdfs /);
    expect(stdout).not.toContain("#0");
    expect((await runCli(["help", name])).stdout).toBe(stdout);
  });

  test("`help exit-codes` has every code", async () => {
    const { stdout } = await runCli(["help", "exit-codes"]);
    for (const code of Object.keys(ERRORS)) expect(stdout).toContain(code);
  });

  test("`help consistency` says what is promised", async () => {
    expect((await runCli(["help", "consistency"])).stdout).toContain("linearizable");
  });

  test("help on nothing known is refused", async () => {
    expectRefusal(await runCli(["help", "constructor"]), Exit.USAGE, "BAD_USAGE");
  });
});

describe("bad usage ends with exit code 2, before any cluster is asked", () => {
  test.each([
    [],
    ["frobnicate"],
    ["ls", "/a", "/b"],
    ["sim", "--seeds", "0"],
    ["sim", "--ops", "0"],
    ["check", "/dev/null"],
    ["put"],
    ["put", "-"],
    ["put", "-", "/a", "/b"],
    ["put", "-", "/a", "--no-such-flag"],
    ["put", "-", "/a", "--if-absent", "--if-version", "1"],
    ["put", "-", "/a", "--if-version", "0"],
    ["put", "-", "/a", "--if-version", "x"],
    ["put", "-", "/a", "--ack", "9"],
    ["put", "-", "/a", "--ack", "0"],
    ["put", "-", "/a", "--meta", "novalue"],
    ["put", "-", "/dir/"],
    ["put", "-r", "-", "/dir"],
    ["get", "/a", "-", "--range", "9-1"],
    ["get", "/a", "-", "--range", "-5"],
    ["get", "/a", "-", "--consistency", "maybe"],
    ["get", "-r", "/a", "-"],
    ["ls", "--limit", "0"],
    ["ls", "--supernode", "nowhere"],
    ["ls", "--timeout", "soon"],
    ["restore", "/a"],
    ["explain", "delete", "/a"],
    ["supernode", "--port", "0"],
    ["supernode", "--port", "70000", "--data", "/tmp/never-made"],
    ["supernode", "--port", "0", "--data", "/tmp/never-made", "--quorum", "n=3,w=2,r=1"],
    ["datanode", "--port", "0", "--data", "/tmp/never-made", "--weight", "0"],
    ["up", "--temp", "--data", "x"],
    ["up", "--temp", "--nodes", "3", "--quorum", "majority,n=5"],
  ])("qdfs %p %p %p %p %p", async (...args) => {
    expectRefusal(await runCli(args.filter((arg) => arg !== undefined)), Exit.USAGE, "BAD_");
  });

  test.each(["", ".", "/a/../b", "/a//b", `/${"x".repeat(1100)}`, "/a\nb", "/a\u0001"])("the path %p", async (path) => {
    expectRefusal(await runCli(["put", "-", path], "x"), Exit.USAGE, "BAD_PATH");
    expectRefusal(await runCli(["cat", path]), Exit.USAGE, "BAD_PATH");
  });

  test("a path that is not UTF-8", async () => {
    const script = `exec "$0" "$1" stat "$(printf '/\\377\\376')"`;
    const child = Bun.spawn(["/bin/sh", "-c", script, process.execPath, join(import.meta.dir, "../../src/main.ts")], {
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toContain("not valid UTF-8");
    expect(await child.exited).toBe(Exit.USAGE);
  });

  test("a typing error gets a suggestion", async () => {
    expect((await runCli(["statsu"])).stderr).toContain("did you mean `qdfs status`?");
  });

  test("a quorum that does not hold is refused with its arithmetic", async () => {
    const { stderr } = await runCli(["supernode", "--port", "0", "--data", "/tmp/never-made", "--quorum", "n=3,w=2,r=1"]);
    expect(stderr).toMatch(/2 \+ 1|r \+ w|w \+ r/i);
  });
});

describe("local trouble ends with exit code 7", () => {
  const dir = temporaryDir();
  mkdirSync(join(dir, "tree"));
  test.each([join(dir, "missing"), join(dir, "tree"), "/dev/zero", "/proc/self/mem", "/proc/cpuinfo", "/dev/null"])(
    "put %s",
    async (file) => {
      expectRefusal(await runCli(["put", file, "/x"]), Exit.LOCAL, "LOCAL_FILE");
    },
  );

  test("put of a socket and of a pipe, without waiting for its other end", async () => {
    const socket = createServer().listen(join(dir, "socket"));
    Bun.spawnSync(["mkfifo", join(dir, "pipe")]);
    try {
      for (const name of ["socket", "pipe"])
        expectRefusal(await runCli(["put", join(dir, name), "/x"]), Exit.LOCAL, "LOCAL_FILE");
    } finally {
      socket.close();
    }
  });

  test("a file whose name begins with - needs no --", async () => {
    expectRefusal(await runCli(["put", "-dash.txt", "/x"]), Exit.LOCAL, "-dash.txt: no such file");
  });
});

describe("no cluster", () => {
  const file = join(temporaryDir(), "file");
  writeFileSync(file, "x");

  test("is said soon (within 5 s on a machine at rest), with exit code 5", async () => {
    const beganMs = performance.now();
    expectRefusal(await runCli(["ls"]), Exit.UNAVAILABLE, "CLUSTER_UNREACHABLE");
    expect(performance.now() - beganMs).toBeLessThan(8_000);
  });

  test("with --json the last line of stderr is the error", async () => {
    const { stderr, stdout, exit } = await runCli(["put", file, "/x", "--json"]);
    const last: unknown = JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ error: { code: "CLUSTER_UNREACHABLE", retry: "later", details: expect.anything() } });
    expect({ stdout, exit }).toEqual({ stdout: "", exit: Exit.UNAVAILABLE });
  });

  test("common flags may stand before the command, with or without =", async () => {
    const { stderr, exit } = await runCli(["--json", "--supernode=127.0.0.1:2", "--timeout", "9s", "cat", "/x"]);
    expect(exit).toBe(Exit.UNAVAILABLE);
    expect(JSON.parse(stderr.trim().split("\n").at(-1) ?? "").error.message).toContain("127.0.0.1:2");
  });
});
