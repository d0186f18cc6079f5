/**
 * What is known of one file whose newest change is not listed yet (P20): which replicas reported which ballot. A ballot is chosen when
 * W replicas of each set reported it (P10), or when one that holds it knows so. Facts only ever add up: that a replica
 * reports a higher ballot later does not take back that it accepted the lower one.
 */
import type { NodeNumber, Path } from "../base/ids.ts";
import { CANDIDATES_MAX } from "../limits.ts";
import { compareBallots } from "../register/ballot.ts";
import { reaches, writeNeed } from "../register/quorum.ts";
import type { CatalogueFile } from "../supernode-ports.ts";
import type { Ballot, Configuration } from "../wire/messages.ts";

/** One ballot that somebody accepted and nobody listed. */
export interface Candidate {
  readonly ballot: Ballot;
  readonly reporters: Set<NodeNumber>;
  chosen: boolean;
  /** Undefined until its head has come. */
  file: CatalogueFile | undefined;
}

export interface Report {
  readonly ballot: Ballot;
  /** Undefined: a coordinator says so (a settle), and its answer is always chosen. */
  readonly node: NodeNumber | undefined;
  readonly chosen: boolean;
  readonly file: CatalogueFile | undefined;
}

export class PendingFile {
  readonly path: Path;
  readonly partition: number;
  /** Since when the lowest candidate waits, monotonic. */
  sinceMs: number;
  /** What the catalogue holds, where that was looked up or listed just now. */
  listed: Ballot | undefined;
  /** The store was asked what it holds. */
  lookedUp = false;
  /** A settle or head read is under way. */
  busy = false;
  /** Settles in a row that listed nothing new, and when the last one ended. */
  tries = 0;
  triedAtMs = 0;
  /** By ballot, rising. Never empty while the file is pending. */
  #candidates: Candidate[] = [];

  constructor(path: Path, partition: number, nowMs: number) {
    this.path = path;
    this.partition = partition;
    this.sinceMs = nowMs;
  }

  /** Adds a fact. True when something can be listed now. */
  add(report: Report, configuration: Configuration): boolean {
    if (this.listed !== undefined && compareBallots(report.ballot, this.listed) <= 0) return false;
    const candidate = this.#candidate(report.ballot);
    if (report.node !== undefined) candidate.reporters.add(report.node);
    candidate.file ??= report.file;
    // Reports of a ballot of another configuration cannot be counted in this one's sets; they wait for the hint or a settle.
    candidate.chosen ||=
      report.chosen ||
      (report.ballot.configuration === configuration.number && reaches(configuration, writeNeed, candidate.reporters));
    return candidate.chosen && candidate.file !== undefined;
  }

  #candidate(ballot: Ballot): Candidate {
    let index = this.#candidates.length;
    for (; index > 0; index--) {
      const below = this.#candidates[index - 1];
      const order = below === undefined ? 1 : compareBallots(ballot, below.ballot);
      if (order === 0 && below !== undefined) return below;
      if (order > 0) break;
    }
    const candidate: Candidate = { ballot, reporters: new Set(), chosen: false, file: undefined };
    this.#candidates.splice(index, 0, candidate);
    // The lowest only helps to list something sooner: a higher one is still to come and supersedes it.
    if (this.#candidates.length > CANDIDATES_MAX) this.#candidates.shift();
    return candidate;
  }

  /** The highest ballot that can be listed. */
  get listable(): CatalogueFile | undefined {
    return this.#candidates.findLast((candidate) => candidate.chosen && candidate.file !== undefined)?.file;
  }

  /** The highest ballot that anybody reported: what a settle must reach. */
  get highest(): Candidate | undefined {
    return this.#candidates.at(-1);
  }

  /** The highest chosen candidate, when only its head is missing. */
  get headless(): Candidate | undefined {
    const candidate = this.#candidates.findLast(({ chosen }) => chosen);
    return candidate?.file === undefined ? candidate : undefined;
  }

  /** This ballot stands in the catalogue: nothing at or below it waits any more. True when nothing waits at all. */
  settledThrough(ballot: Ballot, nowMs: number): boolean {
    if (this.listed === undefined || compareBallots(ballot, this.listed) > 0) this.listed = ballot;
    const before = this.#candidates.length;
    this.#candidates = this.#candidates.filter((candidate) => compareBallots(candidate.ballot, ballot) > 0);
    if (this.#candidates.length < before) this.sinceMs = nowMs;
    return this.#candidates.length === 0;
  }

  /** True when a log entry of this file no longer holds back the log's cursor. */
  hasSettled(ballot: Ballot): boolean {
    return this.listed !== undefined && compareBallots(ballot, this.listed) <= 0;
  }
}
