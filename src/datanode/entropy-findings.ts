/** What comparisons with other replicas came to: for the log, /metrics, and the alarms of `qdfs status`. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import type { Log } from "../ports.ts";
import type { Alarms } from "./alarms.ts";
import type { Mended } from "./difference-mender.ts";

export class Findings {
  readonly #log: Log;
  /** Names compared; comparisons with all peers that came to their end. */
  compared = 0;
  rounds = 0;
  /** What had not come here yet and was fetched; what had been here, was lost, and was fetched; what cannot be mended. */
  late = 0;
  lost = 0;
  damaged = 0;
  /** Bytes fetched for that, and tries to mend something that failed: the next comparison tries again. */
  bytes = 0;
  failures = 0;
  readonly #alarms: Alarms;
  #lastLost = "";
  /** What was found damaged since the last round with all peers began, and in the round before: what is in neither was mended. */
  #damagedNow = new Set<string>();
  #damagedBefore: ReadonlySet<string> = new Set();

  constructor(log: Log, alarms: Alarms) {
    this.#log = log;
    this.#alarms = alarms;
  }

  found({ kind, what, sizeBytes }: Mended, peer: NodeNumber): void {
    this.bytes += sizeBytes;
    switch (kind) {
      case "none":
        return;
      case "late":
        this.late += 1;
        this.#log.info("fetched what had not come here", { what, foundWith: nodeName(peer) });
        return;
      case "lost":
        this.lost += 1;
        this.#lastLost = what;
        this.#log.warn("silent divergence: this had been here, was not, and was fetched again", {
          what,
          foundWith: nodeName(peer),
        });
        this.#alarms.raise("divergent", LOST, this.#lostWords());
        return;
      case "damaged":
        if (!this.#isDamaged(what)) this.damaged += 1;
        this.#damagedNow.add(what);
        this.#alarms.raise("divergent", damagedKey(what), damagedWords(what));
        this.#log.warn("silent divergence: replicas differ, and it cannot be told here who is right", {
          what,
          foundWith: nodeName(peer),
        });
    }
  }

  /** Everything was compared with every peer. */
  roundEnded(): void {
    this.rounds += 1;
    for (const what of this.#damagedBefore) if (!this.#damagedNow.has(what)) this.#alarms.clear("divergent", damagedKey(what));
    this.#damagedBefore = this.#damagedNow;
    this.#damagedNow = new Set();
  }

  #isDamaged(what: string): boolean {
    return this.#damagedNow.has(what) || this.#damagedBefore.has(what);
  }

  failed(name: string, why: string): void {
    this.failures += 1;
    this.#log.warn("what differs from another replica could not be mended yet", { name, why });
  }

  /** What of the node's alarms comes from here, in words. */
  alarms(): readonly string[] {
    const damaged = [...new Set([...this.#damagedBefore, ...this.#damagedNow])];
    return [...(this.lost > 0 ? [this.#lostWords()] : []), ...damaged.map(damagedWords)];
  }

  #lostWords(): string {
    return `silent divergence: ${this.lost} that had been here were not, and were fetched from other replicas again; the last: ${this.#lastLost}`;
  }

  /** Name, help and value of each. */
  metrics(): readonly (readonly [string, string, number])[] {
    return [
      ["qdfs_compared_total", "Files and chunks compared with other replicas.", this.compared],
      ["qdfs_comparisons_total", "Comparisons with all peers that came to their end.", this.rounds],
      ["qdfs_compare_late_total", "Values, contents and chunks found at other replicas that had not come here.", this.late],
      [
        "qdfs_divergences_total",
        "Values and contents that had been here and were lost; ought to be 0.",
        this.lost + this.damaged,
      ],
      ["qdfs_compare_fetched_bytes_total", "Contents and chunks fetched because comparisons found them missing.", this.bytes],
      ["qdfs_compare_failures_total", "Differences that could not be mended when they were found.", this.failures],
    ];
  }
}

/** The key of the one alarm that stays until the process ends: what was lost once is mended, and a person should know. */
const LOST = "lost";

function damagedKey(what: string): string {
  return `damaged ${what}`;
}

function damagedWords(what: string): string {
  return `silent divergence: ${what} differs from other replicas, and it cannot be told here who is right (qdfs repair asks all)`;
}
