/** The registers, change log, inline bytes and chunk index of a DataNode in SQLite. The format is in node-schema.ts. */
import { assert, codeOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { NODE_CHECKPOINT_BYTES, YOUNG_ROWS_MAX } from "../limits.ts";
import type { AcceptWrite, ChunkId, ChunkRow, NodeStore, NodeWrites, StoredRegister, Trim } from "../ports.ts";
import { sameBallot } from "../register/ballot.ts";
import { mapCodec } from "../wire/codec.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";
import { ChosenMarks } from "./chosen-marks.ts";
import { NODE_MIGRATIONS, nodeStatements, type RegisterRow } from "./node-schema.ts";
import { PathIndex } from "./path-index.ts";
import { RecentPaths } from "./recent-paths.ts";
import { type CachedRegister, RegisterCache } from "./register-cache.ts";
import { Database, damaged, LARGE_PAGE_BYTES } from "./sqlite.ts";
import { isCount, storedBallot, storedCount, storedMap } from "./stored-values.ts";

interface Flushing {
  /** The committed values of the files that it accepts; undefined: absent. */
  readonly before: Map<Path, CachedRegister | undefined>;
  readonly chunks: ReadonlySet<ChunkId>;
}

/** A small commit is flushed on the spot: handing it to another thread and back costs more than the flush. */
const FLUSH_HERE_ACCEPTS = 2;

/** What a commit in progress has changed, taken over once it is durable. */
interface Staged {
  readonly registers: Map<Path, CachedRegister>;
  /** `before`: the sequence of the value that it takes the place of. */
  readonly accepted: { path: Path; sequence: number; chosen: boolean; before: number | undefined }[];
  sequence: number;
  files: number;
  chunkBytes: number;
}

export class SqliteNodeStore implements NodeStore {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  readonly #index: PathIndex;
  readonly #cache = new RegisterCache();
  #sequence: number;
  #files: number;
  #chunkBytes: number;
  #ceiling: number;
  #map: ClusterMap | undefined;
  readonly #marks: ChosenMarks;
  readonly #recent: RecentPaths;
  /** A checkpoint that is not on stable storage yet. */
  #checkpointing: Promise<void> | undefined;
  /** What a commit whose flush is under way would show too early: everything here looks past it. */
  #flushing: Flushing | undefined;

  /**
   * Opens or creates the database of the disk `diskId`. `youngMax`: of the path index.
   * @throws QdfsError DATA_DIR_UNUSABLE (also when it is another disk's), DATA_DIR_LOCKED, STORAGE_FULL
   */
  static open(path: string, diskId: string, youngMax = YOUNG_ROWS_MAX): SqliteNodeStore {
    const database = Database.open(path, { synchronous: "NORMAL", pageBytes: LARGE_PAGE_BYTES, migrations: NODE_MIGRATIONS });
    try {
      const store = database.reading(() => new SqliteNodeStore(database, diskId, youngMax));
      database.settleLog(); // before anyone relies on what is read from it
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: Database, diskId: string, youngMax: number) {
    this.#database = database;
    this.#sql = nodeStatements(database);
    this.#claim(diskId);
    this.#sequence = storedCount(this.#sql.lastSequence.row()?.[0] ?? 0, "last sequence", database.path);
    this.#index = new PathIndex(database, this.#sequence, youngMax);
    this.#files = this.#index.files();
    this.#chunkBytes = this.#sql.chunkBytes.row()?.[0] ?? 0;
    this.#ceiling = storedCount(this.#sql.meta.row("ceiling")?.[0] ?? 0, "ceiling", database.path);
    const map = this.#sql.meta.row("map")?.[0];
    this.#map = map === undefined ? undefined : storedMap(map, database.path);
    const marks = this.#sql.meta.row("chosen")?.[0];
    this.#marks = new ChosenMarks(typeof marks === "string" ? marks : "", this.#sequence, (after) =>
      this.#sql.pathsAfter.rows(after).flatMap(([sequence, path]) => (this.#index.newest(path) === sequence ? [sequence] : [])),
    );
    this.#recent = new RecentPaths(this.#sequence);
  }

  register(path: Path): StoredRegister | undefined {
    return this.#newest(path);
  }

  /** The committed accepted value, in the cache from now on. */
  #newest(path: Path): CachedRegister | undefined {
    if (this.#flushing?.before.has(path)) return this.#flushing.before.get(path);
    const known = this.#cache.get(path);
    if (known !== undefined) return known ?? undefined;
    return this.#database.reading(() => {
      const row = this.#newestRow(path);
      return this.#cache.keep(path, row === undefined ? null : this.#decoded(row)) ?? undefined;
    });
  }

  current(path: Path): (StoredRegister & { readonly content: Uint8Array | null }) | undefined {
    assert(!this.#flushing?.before.has(path), "bytes of a file are not asked for while an accept of it is being flushed (P1)");
    const known = this.#cache.get(path);
    if (known === null) return undefined;
    if (known !== undefined && hasContent(known)) return known;
    return this.#database.reading(() => {
      const sequence = known?.sequence ?? this.#index.newest(path);
      if (sequence === undefined) {
        this.#cache.keep(path, null);
        return undefined;
      }
      const row = this.#sql.current.row(sequence);
      if (row === undefined) throw this.#noRow(path, sequence);
      const [at, configuration, counter, node, random, head, content] = row;
      const found = { ...this.#decoded([at, configuration, counter, node, random, head]), content };
      this.#cache.keep(path, found);
      return found;
    });
  }

  content(path: Path, random: string): Uint8Array | undefined {
    const known = this.#cache.get(path);
    if (known && known.random === random && known.content !== undefined) return known.content ?? undefined;
    return this.#database.reading(() => this.#storedContent(path, random) ?? undefined);
  }

  /**
   * The transaction runs at once; the flush that makes it durable runs beside this thread, and only after it is anything of
   * the commit shown here. What fails to be flushed is known to nobody, so the failure is final.
   */
  async commit(writes: NodeWrites): Promise<void> {
    assert(this.#flushing === undefined, "one commit at a time");
    this.#flushing = { before: new Map(), chunks: new Set(writes.chunks.map(({ chunk }) => chunk)) };
    try {
      await this.#commit(writes, this.#flushing);
    } finally {
      this.#flushing = undefined;
    }
  }

  async #commit(writes: NodeWrites, flushing: Flushing): Promise<void> {
    if (this.#checkpointing !== undefined) await this.#checkpointing;
    const staged: Staged = {
      registers: new Map(),
      accepted: [],
      sequence: this.#sequence,
      files: this.#files,
      chunkBytes: this.#chunkBytes,
    };
    const saving = this.#marks.worthSaving;
    try {
      this.#database.transaction(
        () => {
          if (saving) this.#sql.putMeta.run("chosen", this.#marks.text());
          this.#write(writes, staged);
        },
        logBytesOf(writes, this.#database.pageBytes),
      );
    } catch (error) {
      this.#index.rollback();
      throw error;
    }
    this.#index.keep();
    if (saving) this.#marks.saved();
    if (writes.accepts.length <= FLUSH_HERE_ACCEPTS && writes.chunks.length === 0) this.#database.syncNow();
    else await this.#database.sync();
    this.#checkpointIfDue();
    flushing.before.clear();
    for (const { path, sequence, chosen, before } of staged.accepted) {
      this.#marks.accepted(sequence, chosen, before);
      this.#recent.push(path);
    }
    for (const [path, register] of staged.registers) this.#cache.keep(path, register);
    this.#sequence = staged.sequence;
    this.#files = staged.files;
    this.#chunkBytes = staged.chunkBytes;
    if (writes.ceiling !== undefined) this.#ceiling = writes.ceiling;
    if (writes.map !== undefined) this.#map = writes.map;
    if (this.#checkpointing === undefined) this.#foldLate();
  }

  /** To be called when every transaction is durable. Until it has ended there is no other. */
  #checkpointIfDue(): void {
    if (!this.#database.logIsLonger(NODE_CHECKPOINT_BYTES)) return;
    try {
      this.#checkpointing = this.#database.checkpoint().then(() => {
        this.#checkpointing = undefined;
      });
      this.#checkpointing.catch(() => undefined); // it is the next commit's failure
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") throw error; // what is durable is so in the log
    }
  }

  /** The commit is done: that there is no room for the index now is no failure of it. */
  #foldLate(): void {
    if (!this.#index.wantsFold(false)) return;
    try {
      this.#index.fold(this.#sequence);
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") throw error;
    }
  }

  choose(path: Path, ballot: Ballot): boolean {
    const accepted = this.#newest(path);
    if (accepted === undefined || !sameBallot(accepted.ballot, ballot)) return false;
    accepted.chosen = true;
    this.#marks.choose(accepted.sequence);
    return true;
  }

  get sequence(): number {
    return this.#sequence;
  }

  changesAfter(sequence: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    assert(this.#flushing === undefined, "the log is read between commits: rows that a flush replaces would be missing");
    if (sequence >= this.#sequence) return [];
    if (this.#recent.covers(sequence)) return this.#recentChanges(sequence, limit);
    return this.#database.reading(() => this.#storedChanges(sequence, limit));
  }

  #storedChanges(after: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    const changes: ({ readonly path: Path } & StoredRegister)[] = [];
    for (let from = after; changes.length < limit; ) {
      const rows = this.#sql.changes.rows(from, this.#sequence, limit);
      for (const [path, ...row] of rows) {
        from = row[0];
        if (changes.length < limit && this.#index.newest(path) === from) changes.push({ path, ...this.#decoded(row) });
      }
      if (rows.length < limit) break;
    }
    return changes;
  }

  /** Whoever follows the log closely is answered from memory. */
  #recentChanges(after: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    const changes: ({ readonly path: Path } & StoredRegister)[] = [];
    for (let at = after + 1; at <= this.#sequence && changes.length < limit; at += 1) {
      const path = this.#recent.at(at);
      const register = this.register(path);
      if (register?.sequence === at) changes.push({ path, ...register });
    }
    return changes;
  }

  ceiling(): number {
    return this.#ceiling;
  }

  map(): ClusterMap | undefined {
    return this.#map;
  }

  cursor(diskId: string): number {
    const sequence = this.#database.reading(() => this.#sql.cursor.row(diskId)?.[0] ?? 0);
    return isCount(sequence) ? sequence : 0; // damaged: the log is looked through again
  }

  chunk(chunk: ChunkId): ChunkRow | undefined {
    if (this.#flushing?.chunks.has(chunk)) return undefined;
    const row = this.#database.reading(() => this.#sql.chunk.row(chunk));
    return row && { chunk, owner: row[0], sizeBytes: row[1], checksum: row[2] };
  }

  usage(): { readonly files: number; readonly bytes: number } {
    return { files: this.#files, bytes: this.#database.usedBytes() + this.#chunkBytes };
  }

  maintain(): void {
    if (this.#flushing !== undefined || this.#checkpointing !== undefined) return; // commits see to it themselves
    if (this.#marks.unsaved) this.#saveMarks();
    if (this.#index.wantsFold(true)) this.#index.fold(this.#sequence);
    if (!this.#database.logIsLonger(NODE_CHECKPOINT_BYTES)) return;
    this.#database.syncNow();
    this.#checkpointIfDue();
  }

  close(): void {
    try {
      if (this.#marks.unsaved) this.#saveMarks();
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") throw error; // they are worth nothing but time
    } finally {
      this.#database.close();
    }
  }

  #saveMarks(): void {
    this.#database.transaction(() => this.#sql.putMeta.run("chosen", this.#marks.text()), this.#database.pageBytes);
    this.#marks.saved();
  }

  /** A database under another disk's identity would vote with promises that were never made. */
  #claim(diskId: string): void {
    const owner = this.#sql.meta.row("disk")?.[0];
    if (owner === undefined) {
      this.#database.transaction(() => this.#sql.putMeta.run("disk", diskId), this.#database.pageBytes);
    } else if (owner !== diskId) {
      throw new QdfsError(
        "DATA_DIR_UNUSABLE",
        `${this.#database.path} belongs to disk ${owner}, not to this directory's disk ${diskId}`,
      );
    }
  }

  #write(writes: NodeWrites, staged: Staged): void {
    for (const accept of writes.accepts) this.#accept(accept, staged);
    for (const trim of writes.trims) this.#trim(trim);
    for (const chunk of writes.chunks) this.#putChunk(chunk, staged);
    for (const chunk of writes.droppedChunks) this.#dropChunk(chunk, staged);
    if (writes.ceiling !== undefined) this.#sql.putMeta.run("ceiling", writes.ceiling);
    if (writes.map !== undefined) this.#sql.putMeta.run("map", mapCodec.encode(writes.map));
    for (const { diskId, sequence } of writes.cursors ?? []) this.#sql.putCursor.run(diskId, sequence);
  }

  #accept(accept: AcceptWrite, staged: Staged): void {
    const { path, ballot, random } = accept;
    const staged_ = staged.registers.get(path);
    const before = staged_ ?? this.#newest(path);
    if (staged_ === undefined) this.#flushing?.before.set(path, before);
    const chosen = accept.chosen || (before?.chosen === true && sameBallot(before.ballot, ballot));
    // A settle that brings no bytes must not lose those that are here.
    const content = accept.content ?? (before === undefined ? null : this.#storedContent(path, random));
    if (before !== undefined) this.#dropVersion(path, random);
    const sequence = ++staged.sequence;
    const { configuration, counter, node } = ballot;
    this.#sql.insert.run(sequence, path, configuration, counter, node, random, accept.head, content);
    this.#index.add(path, { sequence, random });
    if (before === undefined) staged.files += 1;
    staged.accepted.push({ path, sequence, chosen, before: before?.sequence });
    staged.registers.set(path, { sequence, ballot, head: accept.head, chosen, random, content: undefined });
  }

  #trim({ path, ballot, keep }: Trim): void {
    const rows = this.#index.rows(path);
    const newest = rows.reduce((highest, { sequence }) => Math.max(highest, sequence), 0);
    for (const row of rows) {
      if (row.sequence === newest || keep.includes(row.random)) continue;
      const { changes } = this.#sql.trim.run(row.sequence, ballot.configuration, ballot.counter, ballot.node);
      if (changes > 0) this.#index.remove(path, row);
    }
  }

  #dropVersion(path: Path, random: string): void {
    for (const row of this.#index.rows(path)) {
      if (row.random !== random) continue;
      this.#sql.drop.run(row.sequence);
      this.#index.remove(path, row);
    }
  }

  #storedContent(path: Path, random: string): Uint8Array | null {
    const row = this.#index.rows(path).find((each) => each.random === random);
    return row === undefined ? null : (this.#sql.content.row(row.sequence)?.[0] ?? null);
  }

  #putChunk({ chunk, owner, sizeBytes, checksum }: ChunkRow, staged: Staged): void {
    staged.chunkBytes += sizeBytes - (this.#sql.chunk.row(chunk)?.[1] ?? 0);
    this.#sql.putChunk.run(chunk, owner, sizeBytes, checksum);
  }

  #dropChunk(chunk: ChunkId, staged: Staged): void {
    staged.chunkBytes -= this.#sql.chunk.row(chunk)?.[1] ?? 0;
    this.#sql.dropChunk.run(chunk);
  }

  #newestRow(path: Path): RegisterRow | undefined {
    const sequence = this.#index.newest(path);
    if (sequence === undefined) return undefined;
    const row = this.#sql.register.row(sequence);
    if (row === undefined) throw this.#noRow(path, sequence);
    return row;
  }

  #noRow(path: Path, sequence: number): QdfsError {
    return damaged(this.#database.path, `accept ${sequence} of ${path} is missing`);
  }

  #decoded([sequence, configuration, counter, node, random, head]: RegisterRow): CachedRegister {
    const ballot = storedBallot(configuration, counter, node, this.#database.path);
    return { sequence, ballot, head, chosen: this.#marks.has(sequence), random, content: undefined };
  }
}

function hasContent(register: CachedRegister): register is CachedRegister & { readonly content: Uint8Array | null } {
  return register.content !== undefined;
}

/** Roughly what a commit adds to the write-ahead log: what is accepted, in order, and a page per trim and chunk. */
function logBytesOf({ accepts, trims, chunks }: NodeWrites, pageBytes: number): number {
  let bytes = (2 + trims.length + chunks.length) * pageBytes;
  for (const { head, content } of accepts) bytes += head.length + (content?.length ?? 0);
  return bytes;
}
