/**
 * One queue per file at the coordinator: writers of one file line up here instead of duelling with ballots. Runs one task of
 * a file at a time, first come, first served; bounded per file and in all.
 */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { COORDINATOR_OPERATIONS_MAX, FILE_QUEUE_MAX } from "../limits.ts";

type Task = () => Promise<void>;

export class FileQueues {
  readonly #queues = new Map<Path, Task[]>();
  #size = 0;
  readonly #idle: (() => void)[] = [];

  /** Tasks queued or running. */
  get size(): number {
    return this.#size;
  }

  /**
   * Runs `task` when all earlier ones of the file are done.
   * @throws QdfsError OVERLOADED when the file's queue or the coordinator is full: nothing was done
   */
  run<T>(path: Path, task: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(path);
    if (this.#size >= COORDINATOR_OPERATIONS_MAX || (queue !== undefined && queue.length >= FILE_QUEUE_MAX)) {
      return Promise.reject(new QdfsError("OVERLOADED", `too many operations wait for ${path} on this DataNode`));
    }
    this.#size += 1;
    return new Promise<T>((resolve, reject) => {
      const start = (): Promise<void> => task().then(resolve, reject);
      if (queue === undefined) {
        this.#queues.set(path, []);
        void this.#drain(path, start);
      } else queue.push(start);
    });
  }

  async #drain(path: Path, first: Task): Promise<void> {
    for (let task: Task | undefined = first; task !== undefined; task = this.#queues.get(path)?.shift()) {
      await task();
      this.#size -= 1;
    }
    this.#queues.delete(path);
    if (this.#size === 0) for (const wake of this.#idle.splice(0)) wake();
  }

  /** Resolves when nothing is queued or running. */
  idle(): Promise<void> {
    return this.#size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
