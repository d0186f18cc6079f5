/**
 * Runs command lines through the executable's own entry, one after the other, without a network: whatever would connect, listen or
 * start a process is unreachable here. Spoken to over IPC.
 */
import { resolve } from "node:path";

/** What would reach out of the process, or take its time, and what it exports. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  "sim/sweep.ts": ["sweep"],
  "client/connect.ts": ["connect"],
  "supernode/serve.ts": ["serveSuperNode"],
  "datanode/serve.ts": ["serveDataNode"],
};
/** Classes that start processes. */
const STARTERS: Readonly<Record<string, string>> = {
  "cli/local-cluster.ts": "LocalCluster",
  "cli/chaos/chaos-run.ts": "ChaosRun",
};
const SOURCES = resolve(import.meta.dir, "../../src");

export interface CommandLine {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface CommandEnd {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A module whose functions fail as they do when nobody answers. */
function unreachable(names: readonly string[]): string {
  const throwing = `throw new QdfsError("CLUSTER_UNREACHABLE", "there is no network here");`;
  const functions = names.map((name) => `export async function ${name}() { ${throwing} }`);
  return [`import { QdfsError } from ${JSON.stringify(`${SOURCES}/base/errors.ts`)};`, ...functions].join("\n");
}

function cutOff(): void {
  Bun.plugin({
    name: "no network",
    setup(build) {
      for (const [file, names] of Object.entries(OUTSIDE)) {
        const filter = new RegExp(`${SOURCES}/${file}`.replaceAll(/[.]/g, "\\."));
        build.onLoad({ filter }, () => ({ contents: unreachable(names), loader: "ts" }));
      }
      for (const [file, name] of Object.entries(STARTERS)) {
        const methods = "start() { return start(); } run() { return start(); } async stop() {} kill() {} [Symbol.dispose]() {}";
        const contents = `${unreachable(["start"])}\nexport class ${name} { ${methods} }`;
        build.onLoad({ filter: new RegExp(`${SOURCES}/${file}`) }, () => ({ contents, loader: "ts" }));
      }
    },
  });
}

/** Puts what is written to a stream into a list instead. */
function captured(stream: NodeJS.WriteStream): string[] {
  const pieces: string[] = [];
  const take = (piece: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    pieces.push(typeof piece === "string" ? piece : Buffer.from(piece).toString());
    for (const done of rest) if (typeof done === "function") queueMicrotask(() => done());
    return true;
  };
  Object.assign(stream, { write: take });
  return pieces;
}

if (import.meta.main) {
  cutOff();
  process.setMaxListeners(0);
  process.stdout.setMaxListeners(0);
  const [out, err] = [captured(process.stdout), captured(process.stderr)];
  const { runCommandLine } = await import("../../src/cli/run.ts");
  const before = { ...process.env };
  process.on("message", async ({ argv, env }: CommandLine) => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before, env);
    const exit = await runCommandLine(argv);
    process.send?.({ exit, stdout: out.splice(0).join(""), stderr: err.splice(0).join("") } satisfies CommandEnd);
  });
  process.send?.("ready");
}
