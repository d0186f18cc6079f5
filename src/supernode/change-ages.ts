/** For how long partitions have been joint, and whether anything moves: what tells a long change from one that is stuck. In memory only. */
import { JOINT_SHOWN_MAX } from "../limits.ts";
import type { Rebalance } from "../wire/change-messages.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { Joint } from "../wire/status-messages.ts";

export class ChangeAges {
  /** By partition, the joint configuration and since when it was seen. */
  readonly #since = new Map<number, { readonly number: number; readonly sinceMs: number }>();
  #progress = "";
  #progressMs = 0;

  /** To be called when the map or what was carried over may be others. Moments are monotonic. */
  look(map: ClusterMap, rebalance: Rebalance | null, nowMs: number): void {
    const before = this.#since.size;
    map.partitions.forEach(({ number, sets }, partition) => {
      if (sets.length < 2) this.#since.delete(partition);
      else if (this.#since.get(partition)?.number !== number) this.#since.set(partition, { number, sinceMs: nowMs });
    });
    const { moving = 0, moved = 0, files = 0, chunks = 0, sizeBytes = 0 } = rebalance ?? {};
    const progress = [moving, moved, files, chunks, sizeBytes].join();
    if (progress === this.#progress && before > 0) return;
    this.#progress = progress;
    this.#progressMs = nowMs;
  }

  status(nowMs: number): { readonly joint: readonly Joint[]; readonly standstillMs: number } {
    const oldest = [...this.#since].sort(([, a], [, b]) => a.sinceMs - b.sinceMs).slice(0, JOINT_SHOWN_MAX);
    const joint = oldest.map(([partition, { number, sinceMs }]) => ({ partition, number, forMs: nowMs - sinceMs }));
    return { joint, standstillMs: joint.length === 0 ? 0 : nowMs - this.#progressMs };
  }
}
