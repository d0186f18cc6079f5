/**
 * What is wrong with this node: goes out with every heartbeat and into `qdfs status`, and is gone when it is mended. What was
 * found and mended lately is remembered for reports (scrub, repair).
 */
import type { Path } from "../base/ids.ts";
import { ALARMS_MAX, FINDINGS_MAX } from "../limits.ts";
import type { Log } from "../ports.ts";

/** Something of a file that is not here as it should be. */
export interface Damage {
  /** `version`: an older value than the others hold, or none. */
  readonly what: "chunk" | "content" | "head" | "version";
  readonly path: Path;
  /** A chunk's id; of content, the version as in `@3`; else empty. */
  readonly name: string;
  readonly why: string;
}

export interface Finding extends Damage {
  /** Counts what was found in this life, from 0. */
  readonly serial: number;
  mended: boolean;
}

export class Alarms {
  readonly #log: Log;
  /** What is not mended yet. */
  readonly #open = new Map<string, Finding>();
  #findings: Finding[] = [];
  /** Copies found bad or missing in this life. */
  foundCount = 0;
  mendedCount = 0;
  /** Of those found, older values than the others hold: replicas had diverged. */
  olderCount = 0;
  /** Less room than FREE_BYTES_MIN: new bytes are refused. */
  diskFull = false;
  /** The store itself cannot be read, in words; empty: it can. */
  unreadable = "";

  constructor(log: Log) {
    this.#log = log;
  }

  setDiskFull(full: boolean, freeBytes: number): void {
    if (full === this.diskFull) return;
    this.diskFull = full;
    if (full) this.#log.warn("disk full: refusing new bytes until there is room", { freeBytes });
    else this.#log.info("there is room again", { freeBytes });
  }

  /** Found bad, or again. */
  damaged(damage: Damage): void {
    const key = keyOf(damage);
    if (this.#open.has(key)) return;
    const finding = { ...damage, serial: this.foundCount, mended: false };
    this.foundCount += 1;
    if (damage.what === "version") this.olderCount += 1;
    this.#open.set(key, finding);
    this.#findings.push(finding);
    if (this.#findings.length > 2 * FINDINGS_MAX) this.#findings = this.#findings.slice(-FINDINGS_MAX);
    this.#log.warn(damage.what === "version" ? "an older value here than elsewhere" : "bad or missing here", { ...damage });
  }

  /** It is here again as it should be, or not needed any more. */
  mended(damage: Pick<Damage, "what" | "path" | "name">): void {
    const finding = this.#open.get(keyOf(damage));
    if (finding === undefined) return;
    this.#open.delete(keyOf(damage));
    finding.mended = true;
    this.mendedCount += 1;
    this.#log.info("mended", { what: damage.what, path: damage.path, name: damage.name });
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** What is still wrong with these files. */
  openOf(paths: ReadonlySet<Path>): readonly Finding[] {
    return [...this.#open.values()].filter(({ path }) => paths.has(path));
  }

  /** What was found from that serial on, oldest first, and at most FINDINGS_MAX of the last. */
  since(serial: number): readonly Finding[] {
    return this.#findings.filter((finding) => finding.serial >= serial).slice(-FINDINGS_MAX);
  }

  list(): string[] {
    const alarms: string[] = [];
    for (const finding of this.#open.values()) {
      if (alarms.length === ALARMS_MAX) break;
      alarms.push(`${wordsOf(finding)}, not mended yet: ${finding.why}`);
    }
    if (this.#open.size > ALARMS_MAX) alarms.push(`and ${this.#open.size - ALARMS_MAX} more bad or missing copies`);
    if (this.unreadable !== "") alarms.push(`the scrub cannot read the database: ${this.unreadable}`);
    if (this.diskFull) alarms.push("disk full: new bytes are refused until there is room");
    return alarms;
  }
}

function keyOf({ what, path, name }: Pick<Damage, "what" | "path" | "name">): string {
  return what === "chunk" ? `chunk ${name}` : `${what} ${name} ${path}`;
}

function wordsOf({ what, path, name }: Damage): string {
  switch (what) {
    case "chunk":
      return `chunk ${name} of ${path}`;
    case "content":
      return `content of ${path}${name}`;
    case "head":
      return `head of ${path}`;
    case "version":
      return `current version of ${path}`;
  }
}
