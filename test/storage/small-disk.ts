/** A file system of a few MiB, to run out of. Mounting needs root on Linux: elsewhere these tests say that they were skipped. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function onSmallDisk(sizeBytes: number, run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "qdfs-small-disk-"));
  const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", directory], { stderr: "pipe" });
  try {
    if (mount.exitCode === 0) await run(directory);
    else console.warn(`skipped: no small disk can be mounted here (${mount.stderr.toString().trim()})`);
  } finally {
    if (mount.exitCode === 0) Bun.spawnSync(["umount", directory]);
    rmSync(directory, { recursive: true, force: true });
  }
}
