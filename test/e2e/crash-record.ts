/**
 * What a run with crashes did and saw, and whether that is allowed. Every path has one writer, which waits for each put to end
 * before the next, so the versions that were acknowledged rise; strong reads may happen at any time. Each content is written once.
 */

export type PutOutcome = "ok" | "fail" | "unknown";

interface Put {
  readonly checksum: string;
  readonly outcome: PutOutcome;
  /** Of an acknowledged put. */
  readonly version: number | undefined;
}

interface FileRecord {
  readonly puts: Put[];
  /** Every content seen at a version, by an acknowledgement or a read. */
  readonly seen: Map<number, string>;
  /** The highest version that was acknowledged or read so far: no later strong read may return less. */
  floor: number;
}

export class CrashRecord {
  readonly #files = new Map<string, FileRecord>();
  readonly #violations: string[] = [];
  acknowledged = 0;
  refused = 0;
  unknown = 0;
  reads = 0;

  /** Why this run is not allowed; empty: it is. */
  violations(): readonly string[] {
    return [...this.#violations, ...[...this.#files].flatMap(([path, file]) => contentViolations(path, file))];
  }

  paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** A put that began when the floor was `floor`, and how it ended. */
  put(path: string, floor: number, checksum: string, outcome: PutOutcome, version?: number): void {
    const file = this.#file(path);
    file.puts.push({ checksum, outcome, version });
    if (outcome === "fail") this.refused++;
    else if (outcome === "unknown") this.unknown++;
    else this.acknowledged++;
    if (version === undefined) return;
    if (version <= floor)
      this.#violations.push(`${path}: a put was acknowledged as version ${version} after version ${floor} had been seen`);
    this.#see(path, file, version, checksum);
  }

  /** What a strong read that begins now must at least return, and what a put that begins now must exceed. */
  floor(path: string): number {
    return this.#file(path).floor;
  }

  /** A strong read that began when the floor was `floor`; version 0: it found nothing. */
  read(path: string, floor: number, version: number, checksum: string): void {
    this.reads++;
    const file = this.#file(path);
    if (version < floor)
      this.#violations.push(`${path}: a read returned version ${version} after version ${floor} had been seen`);
    if (version > 0) this.#see(path, file, version, checksum);
  }

  /** A kept version, read by its number. */
  kept(path: string, version: number, checksum: string): void {
    this.#see(path, this.#file(path), version, checksum);
  }

  /** What a listing at the end showed. */
  listed(paths: ReadonlySet<string>): void {
    for (const [path, { floor, puts }] of this.#files) {
      if (floor > 0 && !paths.has(path)) this.#violations.push(`${path}: acknowledged or read, and not listed`);
      if (puts.every(({ outcome }) => outcome === "fail") && paths.has(path))
        this.#violations.push(`${path}: every put was refused, and it is listed`);
    }
    for (const path of paths) if (!this.#files.has(path)) this.#violations.push(`${path}: listed, and nobody put it`);
  }

  #file(path: string): FileRecord {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = { puts: [], seen: new Map(), floor: 0 };
      this.#files.set(path, file);
    }
    return file;
  }

  #see(path: string, file: FileRecord, version: number, checksum: string): void {
    const before = file.seen.get(version);
    if (before !== undefined && before !== checksum)
      this.#violations.push(`${path}@${version}: seen as ${before} and as ${checksum}`);
    file.seen.set(version, checksum);
    file.floor = Math.max(file.floor, version);
  }
}

/** Once all outcomes are known: each content that was seen was put, not refused, and is one version only. */
function contentViolations(path: string, file: FileRecord): readonly string[] {
  const violations: string[] = [];
  const versionOf = new Map<string, number>();
  for (const [version, checksum] of file.seen) {
    const put = file.puts.find((candidate) => candidate.checksum === checksum);
    if (put === undefined) violations.push(`${path}@${version}: ${checksum} was never put`);
    else if (put.outcome === "fail") violations.push(`${path}@${version}: ${checksum} was refused, and is visible`);
    const other = versionOf.get(checksum);
    if (other !== undefined) violations.push(`${path}: one put became versions ${other} and ${version}`);
    versionOf.set(checksum, version);
  }
  return violations;
}
