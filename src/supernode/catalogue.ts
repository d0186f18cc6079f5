/**
 * The catalogue's feed (P20): what the DataNodes' change logs report becomes what listings show.
 *
 * A change is listed when W replicas of each set reported its ballot, or one that holds it knows it chosen; its head comes
 * with the log of its proposer, or is asked for. What stays short of that is settled (settler.ts). Listings only move
 * forward in ballot order, which the store enforces. A log's stored cursor never passes an entry that is not listed,
 * superseded or settled, and stands in the same transaction as the entries: a restart loses nothing (I11).
 */

import { codeOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { isFilePath } from "../base/path.ts";
import { configurationOf, partitionOf } from "../cluster/map.ts";
import { CATALOGUE_COMMIT_MS, CHANGES_MAX, PENDING_CHANGES_MAX, RECENT_LISTED_MAX } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { compareBallots, formatBallot, isAbsent } from "../register/ballot.ts";
import type { CatalogueFile, CatalogueStore, CatalogueWrites } from "../supernode-ports.ts";
import { type HeadSummary, summarizeHead } from "../wire/head-summary.ts";
import type { Ballot, ChangeBatch, ClusterMap } from "../wire/messages.ts";
import { FollowedLog } from "./followed-log.ts";
import { PendingFile } from "./pending-file.ts";
import { RecentBallots } from "./recent-ballots.ts";

export class Catalogue {
  readonly #runtime: Runtime;
  readonly #store: CatalogueStore;
  readonly #map: () => ClusterMap;
  readonly #hurried: () => boolean;
  readonly #logs = new Map<string, FollowedLog>();
  /** Files with reports above what is listed, the one that waits longest first. */
  readonly #pending = new Map<Path, PendingFile>();
  /** Pending files with something to list. */
  readonly #ready = new Set<PendingFile>();
  /** Tombstones that were erased, whose entries go with the next commit (P14, P19). */
  readonly #erased = new Map<Path, Ballot>();
  /** What was listed lately: most reports of the slowest replica end here. */
  readonly #recent = new RecentBallots(RECENT_LISTED_MAX);
  /** Logs whose `resolved` is ahead of the stored cursor. */
  readonly #moved = new Set<FollowedLog>();
  readonly #watchers = new Set<() => void>();
  #committedMs: number;

  /** `hurried`: a listing waits, so what is taken in is listed at once. */
  constructor(runtime: Runtime, store: CatalogueStore, map: () => ClusterMap, hurried: () => boolean) {
    this.#runtime = runtime;
    this.#hurried = hurried;
    this.#committedMs = runtime.clock.monotonicMs();
    this.#store = store;
    this.#map = map;
  }

  /** What is known of a disk's log; made from the stored cursor on first use. */
  log(diskId: string): FollowedLog {
    let log = this.#logs.get(diskId);
    if (log === undefined) {
      log = new FollowedLog(diskId, this.#store.cursor(diskId));
      this.#logs.set(diskId, log);
    }
    return log;
  }

  /** Memory is bounded: the log is not read on until some of what was read is listed. */
  isFull(diskId: string): boolean {
    return this.log(diskId).waiting >= PENDING_CHANGES_MAX;
  }

  /** Takes one answer of a log in. @throws QdfsError STORAGE_FULL, DATA_DIR_UNUSABLE: nothing is lost, the next commit tries again */
  take(node: NodeNumber, batch: ChangeBatch): void {
    const log = this.log(batch.diskId);
    const before = log.through;
    for (const change of batch.changes) {
      if (change.sequence <= before) continue; // an answer that overlaps
      if (!isFilePath(change.path)) {
        this.#runtime.log.warn("a change of no file's path is left out", { node, path: change.path });
        continue;
      }
      const ballot = copyOf(change.ballot);
      if (change.erased) {
        this.erase(change.path, ballot);
        continue;
      }
      if (!this.#report(change.path, node, ballot, change.chosen, change.head)) continue;
      log.push(change.sequence, change.path, ballot);
    }
    const complete = batch.changes.length < CHANGES_MAX;
    log.readThrough(batch.through, batch.current, complete, this.#runtime.clock.monotonicMs());
    if (this.#hurried()) this.commit();
  }

  /** A replica holds this ballot of the file (a head read), or a coordinator settled it (`node` undefined). @throws as take */
  learn(path: Path, node: NodeNumber | undefined, ballot: Ballot, chosen: boolean, head: Uint8Array): void {
    if (isAbsent(ballot)) return;
    this.#report(path, node, copyOf(ballot), chosen, head);
    this.commit();
  }

  /**
   * The tombstone of this ballot was erased, or the file is known to be absent at a time when nothing above it was. What is reported at or below
   * it waits for nothing any more: it was superseded by the tombstone.
   */
  erase(path: Path, ballot: Ballot): void {
    const before = this.#erased.get(path);
    if (before === undefined || compareBallots(before, ballot) < 0) this.#erased.set(path, ballot);
  }

  /** Adds a report. False when the file is known to be listed at that ballot or above. */
  #report(path: Path, node: NodeNumber | undefined, ballot: Ballot, chosen: boolean, head: Uint8Array): boolean {
    const recent = this.#recent.get(path);
    if (recent !== undefined && compareBallots(ballot, recent) <= 0) return false;
    let pending = this.#pending.get(path);
    if (pending === undefined) {
      pending = new PendingFile(path, partitionOf(this.#map(), path), this.#runtime.clock.monotonicMs());
      this.#pending.set(path, pending);
    }
    const { partition } = pending;
    const file = head.length === 0 ? undefined : this.#summary(path, partition, ballot, head);
    if (pending.add({ ballot, node, chosen, file }, configurationOf(this.#map(), partition))) this.#ready.add(pending);
    return true;
  }

  #summary(path: Path, partition: number, ballot: Ballot, head: Uint8Array): CatalogueFile | undefined {
    try {
      return catalogueFile(path, partition, ballot, summarizeHead(head));
    } catch (error) {
      if (codeOf(error) !== "BAD_REQUEST") throw error;
      this.#runtime.log.warn("a change came with an unreadable head", { path, ballot: formatBallot(ballot), error });
      return undefined;
    }
  }

  /** `commit`, unless there was one a moment ago: large transactions cost less, and of a hot file only the last version is written. */
  commitWhenDue(): void {
    if (this.#runtime.clock.monotonicMs() - this.#committedMs >= CATALOGUE_COMMIT_MS) this.commit();
  }

  /** Lists what can be listed. The cursors that this moves are stored with the next entries, or by `storeCursors`. */
  commit(): void {
    this.#committedMs = this.#runtime.clock.monotonicMs();
    if (this.#ready.size + this.#erased.size > 0) {
      const listed = [...this.#ready].flatMap((pending) => pending.listable ?? []);
      // Version 0 was never written: such a head only carries recorded refusals (P13).
      const files = listed.filter((file) => file.version > 0);
      const erased = [
        ...listed.filter((file) => file.version === 0),
        ...[...this.#erased].map(([path, ballot]) => ({ path, ballot })),
      ];
      this.#apply({ files, erased });
      this.#ready.clear();
      for (const { path, ballot } of [...listed, ...erased]) this.#settledThrough(path, ballot);
      this.#erased.clear();
    }
    for (const log of this.#logs.values()) {
      if (log.advance((path, ballot) => this.#pending.get(path)?.hasSettled(ballot) ?? true)) this.#moved.add(log);
    }
    for (const watch of [...this.#watchers]) watch();
  }

  /** Stores how far the logs were taken in. @throws as take */
  storeCursors(): void {
    if (this.#moved.size > 0) this.#apply({ files: [] });
  }

  #apply(writes: CatalogueWrites): void {
    const cursors = [...this.#moved].map((log) => ({ diskId: log.diskId, sequence: log.resolved }));
    this.#store.apply({ ...writes, cursors });
    this.#moved.clear();
  }

  #settledThrough(path: Path, ballot: Ballot): void {
    const recent = this.#recent.get(path);
    if (recent === undefined || compareBallots(ballot, recent) > 0) this.#recent.set(path, ballot);
    const pending = this.#pending.get(path);
    if (pending === undefined) return;
    const done = pending.settledThrough(ballot, this.#runtime.clock.monotonicMs());
    this.#pending.delete(path);
    if (!done) this.#pending.set(path, pending); // behind those that wait longer
  }

  /** Files that have waited for `forMs`, the longest first. */
  *waitingFor(forMs: number): Generator<PendingFile> {
    const beforeMs = this.#runtime.clock.monotonicMs() - forMs;
    for (const pending of this.#pending.values()) {
      if (pending.sinceMs > beforeMs) return;
      yield pending;
    }
  }

  /** True when the store had it already: a late replica's report of what was listed long ago, or in an earlier life. */
  isListed(pending: PendingFile): boolean {
    const entry = pending.lookedUp ? undefined : this.#store.entry(pending.path);
    pending.lookedUp = true;
    if (entry !== undefined) this.#settledThrough(pending.path, entry.ballot);
    return !this.#pending.has(pending.path);
  }

  get pendingFiles(): number {
    return this.#pending.size;
  }

  /** The pending files, the one that waits longest first. */
  pendingPaths(limit: number): readonly Path[] {
    return [...this.#pending.keys()].slice(0, limit);
  }

  /** Since when the oldest pending change waits, monotonic. */
  get pendingSinceMs(): number | undefined {
    for (const pending of this.#pending.values()) return pending.sinceMs;
    return undefined;
  }

  /** Calls back whenever something was taken in, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}

/** A decoded batch's parts are read field by field and never kept (wire/codec.ts). */
function copyOf({ configuration, counter, node }: Ballot): Ballot {
  return { configuration, counter, node };
}

/** A tombstone's row shows the content that was deleted, who deleted it and when. */
function catalogueFile(path: Path, partition: number, ballot: Ballot, head: HeadSummary): CatalogueFile {
  const { current, previous, storedBytes } = head;
  const content = current.tombstone && previous !== undefined ? previous : current;
  return {
    path,
    ballot,
    partition,
    version: current.version,
    tombstone: current.tombstone,
    sizeBytes: content.sizeBytes,
    storedBytes,
    modifiedAtMs: content.modifiedAtMs,
    writtenAtMs: current.writtenAtMs,
    by: current.by,
    checksum: content.checksum,
  };
}
