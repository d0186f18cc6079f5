/** For tests that need a disk to run out of. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountSmallDisk, type SmallDisk } from "../src/cli/chaos/small-disk.ts";

/** Undefined, and said so on stderr, where nothing may be mounted (no root, no tmpfs). */
export function smallDisk(sizeBytes: number): SmallDisk | undefined {
  const disk = mountSmallDisk(mkdtempSync(join(tmpdir(), "qdfs-small-disk-")), sizeBytes);
  if (!("refused" in disk)) return disk;
  process.stderr.write(`\n*** SKIPPED: this test needs to mount a tmpfs, which failed here: ${disk.refused}\n`);
  return undefined;
}

export async function onSmallDisk(sizeBytes: number, run: (directory: string) => Promise<void>): Promise<void> {
  using disk = smallDisk(sizeBytes);
  if (disk !== undefined) await run(disk.path);
}
