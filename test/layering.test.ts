/** The house rules that a linter cannot know (ARCHITECTURE.md): who may import whom, and where the world comes in. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const LINES_MAX = 500;

interface SourceFile {
  /** From the repository's root, as in `src/cli/run.ts`. */
  readonly file: string;
  readonly text: string;
  /** Without comments and types. */
  readonly code: string;
  /** Files of this repository that it imports, types included. */
  readonly imports: readonly string[];
  /** Those without types: what is loaded when it is loaded. */
  readonly loads: readonly string[];
  readonly packages: readonly string[];
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

function read(file: string): SourceFile {
  const text = readFileSync(join(ROOT, file), "utf8");
  const specifiers = [...text.matchAll(/(?:^|[\s}*])(?:from|import)\s*\(?\s*"([^"]+)"/gm)].map((match) => match[1] ?? "");
  const local = (specifier: string) => relative(ROOT, join(ROOT, dirname(file), specifier));
  const loads = transpiler
    .scanImports(text)
    .filter(({ kind, path }) => kind === "import-statement" && path.startsWith("."))
    .map(({ path }) => local(path));
  return {
    file,
    text,
    code: transpiler.transformSync(text),
    imports: specifiers.filter((specifier) => specifier.startsWith(".")).map(local),
    loads,
    packages: specifiers.filter((specifier) => !specifier.startsWith(".")),
  };
}

const find = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })].sort();
const sources = find("src/**/*.ts")
  .filter((file) => !file.endsWith(".d.ts"))
  .map(read);

const ROLES = ["supernode", "datanode", "client", "bench"];
const ADAPTERS = ["transport", "storage", "runtime"];
const PURE = ["base", "limits.ts", "ports.ts", "supernode-ports.ts", "wire", "cluster", "routing", "register"];

/** What each part may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: ["limits.ts"],
  "limits.ts": ["base"],
  "tool-limits.ts": [],
  "ports.ts": ["base", "wire"],
  "supernode-ports.ts": ["base", "wire"],
  wire: ["base", "limits.ts", "ports.ts"],
  cluster: ["base", "limits.ts", "ports.ts", "wire"],
  routing: ["base", "limits.ts", "ports.ts"],
  register: ["base", "limits.ts", "ports.ts", "wire", "cluster"],
  doctor: ["base", "limits.ts", "tool-limits.ts", "ports.ts", "wire", "cluster", "register"],
  check: ["base", "limits.ts", "tool-limits.ts"],
  runtime: PURE,
  storage: PURE,
  transport: PURE,
  supernode: PURE,
  datanode: PURE,
  client: [...PURE, "tool-limits.ts", "doctor"],
  bench: [...PURE, "tool-limits.ts", "check"],
  chaos: [...PURE, "tool-limits.ts", "client", "bench", "check"],
  sim: [...PURE, "check", "supernode", "datanode", "client", ...ADAPTERS],
  cli: [...PURE, "tool-limits.ts", "check", "doctor", "chaos", "sim", ...ROLES, ...ADAPTERS],
  "main.ts": ["base", "cli"],
  tools: ["base", "limits.ts", "cli", "client", "runtime"],
};

/** The files that bind a role's logic to real adapters. */
const ASSEMBLIES = ["src/client/connect.ts", "src/supernode/serve.ts", "src/datanode/serve.ts"];
/** Where the real clock, timers and randomness may be touched; besides these, assembly files. */
const WORLDLY = ["runtime", "transport", "storage", "cli", "main.ts", "tools"];

function partOf(file: string): string {
  return file.split("/")[1] ?? file;
}

function offenders(broken: (source: SourceFile) => readonly string[]): string[] {
  return sources.flatMap((source) => broken(source).map((what) => `${source.file}: ${what}`));
}

describe("imports", () => {
  test("point down only, and roles never import each other", () => {
    const broken = offenders(({ file, imports }) => {
      const part = partOf(file);
      const allowed = [part, ...(MAY_IMPORT[part] ?? []), ...(ASSEMBLIES.includes(file) ? ADAPTERS : [])];
      return imports.filter((imported) => imported.startsWith("src/") && !allowed.includes(partOf(imported)));
    });
    expect(broken).toEqual([]);
  });

  test("every part of src has its rule", () => {
    const parts = new Set(sources.map(({ file }) => partOf(file)));
    expect([...parts].filter((part) => MAY_IMPORT[part] === undefined)).toEqual([]);
  });

  test("make no cycles", () => {
    const loads = new Map(sources.map(({ file, loads: loaded }) => [file, loaded]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at !== -1) cycles.push([...path.slice(at), file].join(" → "));
      if (at !== -1 || done.has(file)) return;
      for (const next of loads.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of loads.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test("name files with their suffix", () => {
    const broken = offenders(({ imports }) => imports.filter((imported) => !/\.(ts|json|proto)$/.test(imported)));
    expect(broken).toEqual([]);
  });

  test("one file owns the SQLite driver", () => {
    // Yardsticks share no line with what is measured by them, so that they do not move along.
    const product = sources.filter(({ file }) => !file.startsWith("src/tools/limits/"));
    const owners = product.filter(({ packages }) => packages.some((name) => name.startsWith("better-sqlite3")));
    expect(owners.map(({ file }) => file)).toEqual(["src/storage/sqlite.ts"]);
  });

  test("no bun:sqlite: two SQLite builds in one process drop each other's locks", () => {
    expect(offenders(({ packages }) => packages.filter((name) => name === "bun:sqlite"))).toEqual([]);
  });

  test("commands load servers, storage and adapters only when they run, so that a client command starts fast", () => {
    const broken = offenders(({ file, loads }) => {
      // cli/bench and cli/chaos are themselves loaded when their commands run.
      if (partOf(file) !== "cli" || file.endsWith("/bench.ts") || /^src\/cli\/(bench|chaos)\//.test(file)) return [];
      return loads.filter(
        (loaded) =>
          ["supernode", "datanode", "bench", ...ADAPTERS].includes(partOf(loaded)) || loaded.endsWith("client/connect.ts"),
      );
    });
    expect(broken).toEqual([]);
  });

  test("the overview of commands loads next to nothing, so that it is there at once", () => {
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const next of sources.find((source) => source.file === file)?.loads ?? []) load(next);
    };
    load("src/main.ts");
    const few = ["src/base/version.ts", "src/cli/long-lived.ts", "src/cli/overview.ts", "src/cli/verbs.ts", "src/main.ts"];
    expect([...loaded].filter((file) => file.endsWith(".ts")).sort()).toEqual(few);
    expect(sources.filter(({ file }) => few.includes(file)).flatMap(({ packages }) => packages)).toEqual(["clipanion"]);
  });
});

describe("the world", () => {
  test("clocks, timers, chance and the console come in through ports", () => {
    const forbidden =
      /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|Bun\.sleep|crypto\.random\w*|randomBytes|console\.\w+)\s*\(|\bnew Date\(\)/g;
    const broken = offenders(({ file, code }) => {
      if (WORLDLY.includes(partOf(file)) || ASSEMBLIES.includes(file)) return [];
      return [...code.matchAll(forbidden)].map((match) => match[0]);
    });
    expect(broken).toEqual([]);
  });

  test("nothing prints with console", () => {
    expect(offenders(({ code }) => [...code.matchAll(/\bconsole\.\w+/g)].map((match) => match[0]))).toEqual([]);
  });
});

describe("files", () => {
  test(`have at most ${LINES_MAX} lines: a longer one is two`, () => {
    const all = [...find("src/**/*.{ts,mjs}"), ...find("test/**/*.ts")];
    const long = all.map((file) => [file, readFileSync(join(ROOT, file), "utf8").split("\n").length] as const);
    expect(long.filter(([, lines]) => lines > LINES_MAX)).toEqual([]);
  });

  test("have named exports and are no barrels; the library's entrance alone passes others' names on", () => {
    const broken = offenders(({ file, text }) => {
      if (file === "src/client/connect.ts") return [];
      return [...text.matchAll(/^export (default|(?:type )?\*).*$/gm)].map((match) => match[0]);
    });
    expect(broken).toEqual([]);
  });
});
