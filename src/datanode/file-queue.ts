/**
 * One queue per file at the coordinator: writers of one file line up here instead of duelling with ballots. Runs one task of
 * a file at a time, first come, first served; bounded per file and in all.
 */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { COORDINATOR_OPERATIONS_MAX, FILE_QUEUE_MAX } from "../limits.ts";

type Task = () => Promise<void>;

/** `Handed`: what one task may leave to the next one in line. */
export class FileQueues<Handed> {
  readonly #queues = new Map<Path, Task[]>();
  readonly #handed = new Map<Path, Handed>();
  #size = 0;
  readonly #idle: (() => void)[] = [];

  /** Tasks queued or running. */
  get size(): number {
    return this.#size;
  }

  /** Somebody waits for the file's task that runs. */
  hasNext(path: Path): boolean {
    return (this.#queues.get(path)?.length ?? 0) > 0;
  }

  /** From the file's task that runs, for the next one in line and no other. */
  hand(path: Path, handed: Handed): void {
    if (this.hasNext(path)) this.#handed.set(path, handed);
  }

  /**
   * Runs `task` when all earlier ones of the file are done, with what the last of them handed on.
   * @throws QdfsError OVERLOADED when the file's queue or the coordinator is full: nothing was done
   */
  run<T>(path: Path, task: (handed: Handed | undefined) => Promise<T>): Promise<T> {
    const queue = this.#queues.get(path);
    if (this.#size >= COORDINATOR_OPERATIONS_MAX || (queue !== undefined && queue.length >= FILE_QUEUE_MAX)) {
      return Promise.reject(new QdfsError("OVERLOADED", `too many operations wait for ${path} on this DataNode`));
    }
    this.#size += 1;
    return new Promise<T>((resolve, reject) => {
      const start = (): Promise<void> => {
        const handed = this.#handed.get(path);
        this.#handed.delete(path);
        return task(handed).then(resolve, reject);
      };
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
