/**
 * What a person should know about this node; goes out with every heartbeat, into `qdfs status`, /metrics and the log. An alarm is a kind
 * (cluster/alarm.ts) and the things that it is about, each under a key of its own; it is over when nothing is left of it.
 */
import type { AlarmKind } from "../cluster/alarm.ts";
import { ALARMS_MAX } from "../limits.ts";
import type { Log } from "../ports.ts";
import type { Alarm } from "../wire/membership-messages.ts";

export class Alarms {
  readonly #log: Log;
  readonly #raised = new Map<AlarmKind, Map<string, string>>();
  readonly #found = new Map<AlarmKind, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Something is wrong, in words; known things are not raised again, they are only put in other words. */
  raise(kind: AlarmKind, key: string, words: string): void {
    const things = this.#raised.get(kind) ?? new Map<string, string>();
    const known = things.has(key);
    this.#raised.set(kind, things.set(key, words));
    if (known) return;
    this.#found.set(kind, this.foundCount(kind) + 1);
    this.#log.warn(`alarm: ${words}`, { kind, key });
  }

  /** It is mended, or no concern of this node any more. */
  clear(kind: AlarmKind, key: string): void {
    const things = this.#raised.get(kind);
    if (things?.delete(key) !== true) return;
    if (things.size === 0) this.#raised.delete(kind);
    this.#log.info("an alarm is over", { kind, key });
  }

  isRaised(kind: AlarmKind, key: string): boolean {
    return this.#raised.get(kind)?.has(key) ?? false;
  }

  /** Things of this kind that were raised in this life, mended ones included. */
  foundCount(kind: AlarmKind): number {
    return this.#found.get(kind) ?? 0;
  }

  list(): readonly Alarm[] {
    return [...this.#raised].map(([kind, things]) => ({
      kind,
      count: things.size,
      words: [...things.values()].slice(0, ALARMS_MAX),
    }));
  }

  // ------------------------------------------------------------------------------------------------- what is raised often

  /** Less room than FREE_BYTES_MIN: new bytes are refused. */
  get diskFull(): boolean {
    return this.isRaised("disk-full", "");
  }

  setDiskFull(full: boolean): void {
    if (full) this.raise("disk-full", "", "disk full: new bytes are refused until there is room");
    else this.clear("disk-full", "");
  }
}
