/** Every verb, with arguments and environments of any kind, through the executable's own entry. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cli } from "clipanion";
import fc from "fast-check";
import { ERRORS, Exit, isErrorCode } from "../../src/base/errors.ts";
import { arrange, valueFlagsOf } from "../../src/cli/arguments.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import type { CommandEnd, CommandLine } from "./cli-child.ts";
import { fuzzing } from "./fuzz.ts";
import { anyText, changed, nasty } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const directory = mkdtempSync(join(tmpdir(), "qdfs-fuzz-cli-"));
writeFileSync(join(directory, "file"), "content");

let child: Bun.Subprocess;
let answered: (end: CommandEnd) => void = () => {};
let died: (error: Error) => void = () => {};

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    child = Bun.spawn([process.execPath, join(import.meta.dir, "cli-child.ts")], {
      cwd: directory,
      env: { HOME: directory, PATH: "/nowhere", TMPDIR: directory },
      stdin: "pipe", // held, for a server that is told to be a child ends with it
      stdout: "ignore",
      stderr: "ignore",
      ipc: (message: CommandEnd | "ready") => (message === "ready" ? resolve() : answered(message)),
      onExit: (_, exit, signal) => died(new Error(`the process ended: exit ${exit}, signal ${signal}`)),
    });
  });
});
afterAll(() => {
  died = () => {};
  child.kill();
  rmSync(directory, { recursive: true });
});

function run(line: CommandLine): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    answered = resolve;
    died = reject;
    child.send(line);
  });
}

/** By verb: flags that stand alone, and flags that take a value. */
const flagsOf = new Map<string, { readonly alone: readonly string[]; readonly valued: readonly string[] }>();
for (const verb of VERBS) {
  const cli = new Cli();
  cli.register(await verb.load());
  const valued = valueFlagsOf(cli.definitions());
  const all = cli
    .definitions()
    .flatMap(({ options }) => options.flatMap(({ definition }) => definition.split(" ")[0]?.split(",") ?? []));
  flagsOf.set(verb.name, { alone: all.filter((flag) => !valued.has(flag)), valued: [...valued] });
}

/** Names of local files that a command may make: never outside the directory of this test. */
const local = fc.constantFrom("file", "missing", ".", "sub/new", "-");
const word = fc.oneof(
  anyText,
  fc.constantFrom(
    "/f",
    "/d/",
    "/f@2",
    "f",
    "0",
    "1",
    "7",
    "100",
    "4KiB",
    "10s",
    "majority",
    "n=3,w=2,r=2",
    "dn-1",
    "strong",
    "0-9",
    "k=v",
  ),
  changed(fc.constantFrom("127.0.0.1:7000", "n=5,w=3,r=3", "/a/b@3", "3#0123456789abcdef", "10s", "4KiB")),
);
/** The flags whose values are names of files that are made. */
const FILES = new Set(["--data", "--history"]);

function argumentsOf(verb: string): fc.Arbitrary<readonly string[]> {
  const { alone, valued } = flagsOf.get(verb) ?? { alone: [], valued: [] };
  const flag = fc.constantFrom(...alone, "--json");
  const withValue = fc.constantFrom(...valued, "--nonsense").chain((name) => {
    const value = FILES.has(name) ? local : word;
    return fc.oneof(
      value.map((text) => [name, text]),
      value.map((text) => [`${name}=${text}`]),
    );
  });
  const positional = verb === "get" || verb === "put" ? fc.oneof(local, word) : word;
  const part = fc.oneof(
    { weight: 2, arbitrary: flag.map((text) => [text]) },
    { weight: 3, arbitrary: withValue },
    { weight: 3, arbitrary: positional.map((text) => [text]) },
    { weight: 1, arbitrary: fc.constant(["--"]) },
  );
  return fc.array(part, { maxLength: 5 }).map((parts) => parts.flat());
}

const anyVerb = fc.constantFrom(...VERBS.map(({ name }) => name));
const commandLine = anyVerb.chain((verb) =>
  fc.tuple(fc.constantFrom([], ["--json"], ["-q"]), argumentsOf(verb)).map(([first, rest]) => [...first, verb, ...rest]),
);
const environment = fc.record(
  {
    QDFS_SUPERNODE: fc.oneof(anyText, changed(fc.constant("127.0.0.1:7000"))),
    QDFS_DEBUG: fc.constantFrom("0", "x"),
    NO_COLOR: fc.constantFrom("", "1"),
    COLUMNS: nasty,
    USER: nasty,
    LOGNAME: nasty,
    XDG_CACHE_HOME: nasty,
    TZ: nasty,
    LANG: nasty,
    QDFS_CHILD_OF_UP: nasty,
  },
  { requiredKeys: [] },
);

/** What CLI.md says of how a command ends. */
function expectManners({ argv }: Pick<CommandLine, "argv">, { exit, stdout, stderr }: CommandEnd): void {
  expect(stderr).not.toContain("    at ");
  expect(Object.values(Exit) as number[]).toContain(exit);
  expect(exit).not.toBe(Exit.BUG);
  if (exit === Exit.DONE) return;
  expect(stdout).toBe("");
  const last = stderr.trimEnd().split("\n");
  if (argv.includes("--json") && (argv.indexOf("--") === -1 || argv.indexOf("--json") < argv.indexOf("--"))) {
    const code: string = JSON.parse(last.at(-1) ?? "").error.code;
    expect(isErrorCode(code) && ERRORS[code].exit === exit).toBe(true);
  } else {
    const code = /^qdfs: ([A-Z_]+): ./m.exec(stderr)?.[1] ?? "";
    expect(isErrorCode(code) && ERRORS[code].exit === exit).toBe(true);
  }
}

describe("a command line", () => {
  fuzz(
    "ends as CLI.md says, whatever is written",
    commandLine,
    async (argv) => expectManners({ argv }, await run({ argv, env: {} })),
    { runs: 1_000 },
  );

  fuzz(
    "without a known verb is refused",
    fc.array(fc.oneof(anyText, fc.constantFrom("--json", "-q", "--supernode", "--timeout=1", "--version", "--help")), {
      maxLength: 4,
    }),
    async (argv) => expectManners({ argv }, await run({ argv, env: {} })),
  );

  fuzz(
    "ends as CLI.md says, whatever stands in the environment",
    fc.tuple(commandLine, environment.map(withoutNul)),
    async ([argv, env]) => expectManners({ argv }, await run({ argv, env })),
  );

  /** No environment can hold a NUL. */
  function withoutNul(env: object): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, String(value).replaceAll("\0", "").toWellFormed()]),
    );
  }

  fuzz(
    "is arranged without losing or adding a word",
    fc.tuple(anyVerb, fc.array(fc.oneof(anyText, fc.constantFrom("--", "-r", "--limit", "--limit=3")))),
    ([verb, words]) => {
      const valued = new Set(flagsOf.get(verb)?.valued);
      const arranged = arrange(words, valued);
      const end = arranged.indexOf("--");
      const positionals = end === -1 ? [] : arranged.slice(end + 1);
      for (const positional of positionals) expect(words).toContain(positional);
      for (const flag of end === -1 ? arranged : arranged.slice(0, end))
        expect(words.includes(flag) || words.includes(flag.split("=")[0] ?? "")).toBe(true);
    },
  );
});
