/** A file system of its own that can be filled without harm. */
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Leaves almost nothing free. */
  fill(): void;
  empty(): void;
}

/** Undefined, and said so on stderr, where nothing may be mounted (no root, no tmpfs). */
export function mountSmallDisk(sizeBytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "qdfs-disk-"));
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "qdfs-test", path]);
  if (mounted.exitCode !== 0) {
    rmdirSync(path);
    process.stderr.write(
      `\n*** SKIPPED: the full-disk test needs to mount a tmpfs, which failed here: ${mounted.stderr.toString().trim()}\n`,
    );
    return undefined;
  }
  const ballast = join(path, "ballast");
  // Also when the test never gets to run: a process that ends must not leave a mount.
  const unmount = () => {
    if (Bun.spawnSync(["umount", "-l", path]).exitCode === 0) rmdirSync(path);
  };
  process.once("exit", unmount);
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 2 ** 20)));
    },
    empty: () => rmSync(ballast, { force: true }),
    [Symbol.dispose]() {
      process.off("exit", unmount);
      unmount();
    },
  };
}
