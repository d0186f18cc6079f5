/** What a person should know about this node; goes out with every heartbeat and into `qdfs status`. */
import type { Path } from "../base/ids.ts";
import { ALARMS_MAX } from "../limits.ts";
import type { ChunkId, Log } from "../ports.ts";

export class Alarms {
  readonly #log: Log;
  readonly #bad = new Map<ChunkId, string>();
  /** Copies found bad in this life. */
  corruptCount = 0;
  repairedCount = 0;
  /** Less room than FREE_BYTES_MIN: new bytes are refused. */
  diskFull = false;

  constructor(log: Log) {
    this.#log = log;
  }

  setDiskFull(full: boolean, freeBytes: number): void {
    if (full === this.diskFull) return;
    this.diskFull = full;
    if (full) this.#log.warn("disk full: refusing new bytes until there is room", { freeBytes });
    else this.#log.info("there is room again", { freeBytes });
  }

  corrupt(chunk: ChunkId, owner: Path, why: string): void {
    this.corruptCount += 1;
    this.#bad.set(chunk, `chunk ${chunk} of ${owner} was bad here and has not been replaced yet: ${why}`);
    this.#log.warn("bad copy set aside", { chunk, owner, why });
  }

  repaired(chunk: ChunkId): void {
    this.repairedCount += 1;
    this.#bad.delete(chunk);
    this.#log.info("bad copy replaced by a good one", { chunk });
  }

  list(): string[] {
    const alarms = [...this.#bad.values()].slice(0, ALARMS_MAX);
    if (this.#bad.size > ALARMS_MAX) alarms.push(`and ${this.#bad.size - ALARMS_MAX} more bad copies`);
    if (this.corruptCount > 0) {
      alarms.push(`${this.corruptCount} bad copies found since the start, ${this.repairedCount} replaced by good ones`);
    }
    if (this.diskFull) alarms.push("disk full: new bytes are refused until there is room");
    return alarms;
  }
}
