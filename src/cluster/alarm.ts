/**
 * The kinds of alarms, closed: what raises one names its kind here, and everything on the way (heartbeat, `qdfs status`, metrics, log,
 * `qdfs doctor`) carries all of them alike. Pure.
 */
import type { Alarm } from "../wire/membership-messages.ts";

export const ALARM_KINDS = {
  /** Raised by DataNodes. */
  "disk-full": "new bytes are refused until there is room",
  corrupt: "copies whose bytes do not have their checksum, or that are missing, and are not replaced yet",
  divergent: "files of which this replica holds something else than the others, though it should not",
  unreadable: "a store that cannot be read",
  "scrub-late": "bytes that were not read and verified within the scrub's period",
  /** Raised by the SuperNode about a DataNode. */
  suspect: "a DataNode that is late with its heartbeats",
  down: "a DataNode that nothing is heard of",
  flapping: "a DataNode that comes and goes, and is held back",
  "low-space": "little room left on the disk",
  log: "a change log that does not go on as it should",
} as const;

export type AlarmKind = keyof typeof ALARM_KINDS;

/** Each thing that an alarm names, in words for people. */
export function alarmWords({ kind, count, words }: Alarm): readonly string[] {
  const more = count - words.length;
  return more > 0 ? [...words, words.length === 0 ? `${kind}: ${count}` : `and ${more} more of kind ${kind}`] : words;
}
