/** Runs the command line from source, without a cluster. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");
/** A port on which nobody listens: 1 belongs to tcpmux. */
export const NOBODY = "127.0.0.1:1";

export interface Run {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCli(args: readonly string[], stdin = ""): Promise<Run> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    stdin: new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: "/nowhere", HOME: temporaryDir(), QDFS_SUPERNODE: NOBODY },
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

const root = mkdtempSync(join(tmpdir(), "qdfs-cli-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));

/** Removed when the test process ends. */
export function temporaryDir(): string {
  return mkdtempSync(join(root, "dir-"));
}
