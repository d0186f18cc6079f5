/** Makes renames into a directory durable; writers that finish together share one fsync. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { open } from "node:fs/promises";

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** For the start of a process, where nothing else waits. */
export function syncDirectoryNow(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

export class DirectorySync {
  /** The fsync that has not begun yet, per directory: it covers everything renamed before now. */
  readonly #coming = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #sync: (path: string) => Promise<void>;

  constructor(sync: (path: string) => Promise<void> = syncDirectory) {
    this.#sync = sync;
  }

  /** Resolves when an fsync that began after this call has ended. */
  durable(path: string): Promise<void> {
    const coming = this.#coming.get(path);
    if (coming !== undefined) return coming;
    const next = this.#after(path);
    this.#coming.set(path, next);
    return next;
  }

  async #after(path: string): Promise<void> {
    // Whether it went well is for those who wait for it.
    await this.#running.get(path)?.catch(() => {});
    const sync = this.#sync(path);
    this.#coming.delete(path);
    this.#running.set(path, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(path) === sync) this.#running.delete(path);
    }
  }
}
