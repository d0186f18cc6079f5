/** What the end-to-end tests share: the compiled executable, clusters of it, file trees to put into them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Exit } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";
import { LocalCluster, type LocalClusterOptions } from "../../src/tools/local-cluster.ts";
import type { CommandOptions, CommandResult } from "../../src/tools/run-command.ts";

/** Of hooks: real processes on a busy machine. */
export const PATIENCE_MS = 120_000;

export const BINARY = process.env.QDFS_BIN ?? builtBinary();

/** dist/qdfs of these very sources: built now unless it is up to date, so that a bare `bun test` works too. */
function builtBinary(): string {
  const root = resolve(import.meta.dir, "../..");
  const build = Bun.spawnSync([process.execPath, "src/tools/build.ts"], { cwd: root, stderr: "inherit" });
  if (build.exitCode !== 0) throw new Error("dist/qdfs could not be built");
  return join(root, "dist/qdfs");
}

export function startCluster(options: Omit<LocalClusterOptions, "binary"> = {}): Promise<LocalCluster> {
  return LocalCluster.start({ binary: BINARY, ...options });
}

/** Runs a command that must fail with that exit code, say why on stderr, and show no stack trace. */
export async function fails(
  cluster: LocalCluster,
  exit: Exit,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await cluster.run(args, options);
  const said = `qdfs ${args.join(" ")}: exit ${result.exit}, wanted ${exit}: ${result.stderr.slice(-500)}`;
  if (result.exit !== exit || result.stderr.trim() === "" || result.stderr.includes("    at ")) throw new Error(said);
  return result;
}

/** A directory that is removed when the scope ends. */
export function scratch(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "qdfs-files-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Incompressible bytes that follow from the seed. */
export function bytesOf(sizeBytes: number, seed = 1): Buffer {
  const block = Buffer.from(seededRandom(seed).hex(2 * Math.min(sizeBytes, 1 << 16)), "hex");
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0, turn = 0; at < sizeBytes; at += block.length, turn++) {
    block.copy(bytes, at);
    // So that no two blocks, and no two chunks, are alike.
    if (at + 4 <= sizeBytes) bytes.writeUInt32LE(turn, at);
  }
  return bytes;
}

export function makeTree(root: string, files: number): void {
  const sizes = [0, 1, 10, 100, 1000, 4096, 20_000, 70_000];
  for (let index = 0; index < files; index++) {
    const dir = join(root, `d${index % 7}`, `e${index % 3}`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, `file ${index}.bin`), bytesOf(sizes[index % sizes.length] ?? 0, index + 1));
  }
  const names = [
    "日本語.txt",
    "ελληνικά.md",
    "naïve café.txt",
    "emoji-🦊.txt",
    `with'quote".txt`,
    "-dash.txt",
    "a+b%20c#d?.txt",
    "at@3",
    "c:\\d",
  ];
  for (const name of names) writeFileSync(join(root, name), `content of ${name}`);
}

/** The text that `qdfs cat` prints. */
export async function textOf(cluster: LocalCluster, path: string, options: CommandOptions = {}): Promise<string> {
  return (await cluster.ok(["cat", path], options)).stdout.toString();
}

export async function putText(cluster: LocalCluster, path: string, text: string, options: CommandOptions = {}): Promise<void> {
  await cluster.ok(["put", "-", path], { ...options, stdin: text });
}
