/**
 * What of the files on this node is not as it should be: an alarm (alarms.ts) as long as it lasts, and a record of what was found and
 * mended lately, for reports (scrub, repair) and metrics.
 */
import type { Path } from "../base/ids.ts";
import type { AlarmKind } from "../cluster/alarm.ts";
import { FINDINGS_MAX } from "../limits.ts";
import type { Alarms } from "./alarms.ts";

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

export class Damages {
  readonly #alarms: Alarms;
  /** What is not mended yet. */
  readonly #open = new Map<string, Finding>();
  #findings: Finding[] = [];
  /** Copies found bad or missing in this life. */
  foundCount = 0;
  mendedCount = 0;
  /** Of those found, older values than the others hold: replicas had diverged. */
  olderCount = 0;

  constructor(alarms: Alarms) {
    this.#alarms = alarms;
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
    this.#alarms.raise(kindOf(damage), key, `${wordsOf(damage)}, not mended yet: ${damage.why}`);
  }

  /** It is here again as it should be, or not needed any more. */
  mended(damage: Pick<Damage, "what" | "path" | "name">): void {
    const key = keyOf(damage);
    const finding = this.#open.get(key);
    if (finding === undefined) return;
    this.#open.delete(key);
    finding.mended = true;
    this.mendedCount += 1;
    this.#alarms.clear(kindOf(damage), key);
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
}

/** A replica that holds an older value holds what it should not; all else is a copy that is bad or missing. */
function kindOf({ what }: Pick<Damage, "what">): AlarmKind {
  return what === "version" ? "divergent" : "corrupt";
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
