/** A file system of its own, in memory, that can be filled without harm. Mounting needs root on Linux. */
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { assert } from "../../base/errors.ts";

const LEFT_FREE_BYTES = 1024 * 1024;
const FILL_TRIES = 50;

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Leaves almost nothing free. */
  fill(): void;
  empty(): void;
}

/** The disk, mounted at `path`, which is made if missing; or why there is none. */
export function mountSmallDisk(path: string, sizeBytes: number): SmallDisk | { readonly refused: string } {
  mkdirSync(path, { recursive: true });
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "qdfs-small-disk", path]);
  if (mounted.exitCode !== 0) {
    rmSync(path, { recursive: true });
    return { refused: mounted.stderr.toString().trim() };
  }
  const unmount = () => {
    if (Bun.spawnSync(["umount", "-l", path]).exitCode === 0) rmSync(path, { recursive: true });
  };
  // Also when nobody gets to dispose of it: a process that ends must not leave a mount.
  process.once("exit", unmount);
  return {
    path,
    // Made smaller and larger again: ballast would take memory.
    fill() {
      // Whoever writes meanwhile needs more than was counted, and then it is not made smaller.
      for (let tries = 1; ; tries += 1) {
        const { blocks, bfree, bsize } = statfsSync(path);
        const refused = resize(path, (blocks - bfree) * bsize + LEFT_FREE_BYTES);
        if (refused === undefined) return;
        assert(tries < FILL_TRIES, `what was mounted can be made smaller: ${refused}`);
      }
    },
    empty() {
      const refused = resize(path, sizeBytes);
      assert(refused === undefined, `what was mounted can be made larger: ${refused}`);
    },
    [Symbol.dispose]() {
      process.off("exit", unmount);
      unmount();
    },
  };
}

/** Undefined: done; else why not. */
function resize(path: string, sizeBytes: number): string | undefined {
  const { exitCode, stderr } = Bun.spawnSync(["mount", "-o", `remount,size=${sizeBytes}`, path]);
  return exitCode === 0 ? undefined : stderr.toString().trim();
}
