/** The registers, change log, inline bytes and chunk index of a DataNode in SQLite. The format is in node-schema.ts. */
import { assert, codeOf, type QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { NODE_CHECKPOINT_BYTES, YOUNG_ROWS_MAX } from "../limits.ts";
import type {
  AcceptWrite,
  ChunkId,
  ChunkRow,
  ContentWrite,
  Erasure,
  Followed,
  HeldFile,
  NodeStore,
  NodeWrites,
  StoredChange,
  StoredRegister,
  StoredRow,
  Trim,
} from "../ports.ts";
import { sameBallot } from "../register/ballot.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";
import { ChosenMarks } from "./chosen-marks.ts";
import { ChunkIndex } from "./chunk-index.ts";
import { logBytesOf } from "./commit-size.ts";
import { GarbageTables } from "./garbage-tables.ts";
import { LoggedChanges } from "./logged-changes.ts";
import { NodeFacts } from "./node-facts.ts";
import { NODE_MIGRATIONS, nodeStatements, type RegisterRow } from "./node-schema.ts";
import { PathIndex } from "./path-index.ts";
import { type CachedRegister, RegisterCache } from "./register-cache.ts";
import { Database, damaged, LARGE_PAGE_BYTES } from "./sqlite.ts";
import { storedBallot, storedCount } from "./stored-values.ts";

interface Flushing {
  /** The committed values of the files that it accepts; undefined: absent. */
  readonly before: Map<Path, CachedRegister | undefined>;
  readonly chunks: ReadonlySet<ChunkId>;
}

/** A small commit is flushed on the spot: handing it to another thread and back costs more than the flush. */
const FLUSH_HERE_ACCEPTS = 2;

/** What a commit in progress has changed, taken over once it is durable. */
interface Staged {
  /** Null: everything of the file is dropped. */
  readonly registers: Map<Path, CachedRegister | null>;
  /** `before`: the sequence of the value that it takes the place of. */
  readonly accepted: { sequence: number; chosen: boolean; before: number | undefined }[];
  /** The files of the new entries of the change log, in its order. */
  readonly logged: Path[];
  /** The sequences of accepted values that are no more. */
  readonly dropped: number[];
  sequence: number;
  /** The lowest of a row, at most 0. */
  oldest: number;
  files: number;
  chunkBytes: number;
}

export class SqliteNodeStore implements NodeStore {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  readonly #chunks: ChunkIndex;
  readonly #index: PathIndex;
  readonly #garbage: GarbageTables;
  readonly #cache = new RegisterCache();
  #sequence: number;
  #oldest: number;
  #files: number;
  #chunkBytes: number;
  readonly #facts: NodeFacts;
  readonly #marks: ChosenMarks;
  readonly #changes: LoggedChanges;
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
    this.#chunks = new ChunkIndex(this.#sql);
    this.#facts = new NodeFacts(database, this.#sql, diskId);
    const highest = storedCount(this.#sql.lastSequence.row()?.[0] ?? 0, "last sequence", database.path);
    this.#sequence = Math.max(highest, storedCount(this.#sql.meta.row("last")?.[0] ?? 0, "last sequence", database.path));
    this.#oldest = Math.min(0, this.#sql.firstSequence.row()?.[0] ?? 0);
    this.#index = new PathIndex(database, this.#sequence, youngMax);
    this.#garbage = new GarbageTables(database, this.#sql);
    this.#files = this.#index.filesAtFirst;
    this.#chunkBytes = this.#chunks.bytes();
    const marks = this.#sql.meta.row("chosen")?.[0];
    this.#marks = new ChosenMarks(typeof marks === "string" ? marks : "", this.#sequence, (after) =>
      this.#sql.pathsAfter.rows(after).flatMap(([sequence, path]) => (this.#index.newest(path) === sequence ? [sequence] : [])),
    );
    this.#changes = new LoggedChanges(database, this.#sql, this.#index, this.#garbage, this.#sequence, {
      newest: (path) => this.#newest(path),
      decoded: (row) => this.#decoded(row),
    });
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
      logged: [],
      dropped: [],
      sequence: this.#sequence,
      oldest: this.#oldest,
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
    for (const sequence of staged.dropped) this.#marks.dropped(sequence);
    for (const { sequence, chosen, before } of staged.accepted) this.#marks.accepted(sequence, chosen, before);
    for (const path of staged.logged) this.#changes.push(path);
    for (const { path } of writes.contents ?? []) this.#forgetContent(path);
    for (const [path, register] of staged.registers) this.#cache.keep(path, register);
    this.#sequence = staged.sequence;
    this.#oldest = staged.oldest;
    this.#files = staged.files;
    this.#chunkBytes = staged.chunkBytes;
    this.#facts.keep(writes);
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

  /** What memory holds of a file's bytes may be what was replaced. */
  #forgetContent(path: Path): void {
    const known = this.#cache.get(path);
    if (known) this.#cache.keep(path, { ...known, content: undefined });
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

  changesAfter(sequence: number, limit: number): readonly StoredChange[] {
    assert(this.#flushing === undefined, "the log is read between commits: rows that a flush replaces would be missing");
    return this.#changes.after(sequence, this.#sequence, limit);
  }

  pathsAfter(after: string, limit: number): readonly Path[] {
    assert(this.#flushing === undefined, "files are looked through between commits");
    return this.#database.reading(() => this.#index.pathsAfter(after, limit));
  }

  held(path: Path): HeldFile | undefined {
    assert(this.#flushing === undefined, "files are looked through between commits");
    return this.#database.reading(() => {
      const rows = this.#index.rows(path);
      const newest = rows.reduce((highest, { sequence }) => Math.max(highest, sequence), 0);
      const row = newest === 0 ? undefined : this.#sql.register.row(newest);
      if (row === undefined) return undefined;
      const { sequence, ballot, head, chosen } = this.#decoded(row);
      const here = rows.filter((each) => typeof this.#sql.contentBytes.row(each.sequence)?.[0] === "number");
      return { path, sequence, ballot, head, chosen, contents: here.map(({ random }) => random) };
    });
  }

  chunksAfter(after: string, limit: number): readonly ChunkRow[] {
    assert(this.#flushing === undefined, "chunks are looked through between commits");
    return this.#database.reading(() => this.#chunks.after(after, limit));
  }

  ceiling(): number {
    return this.#facts.ceiling;
  }

  erasures(): ReadonlyMap<number, Erasure> {
    return this.#database.reading(() => this.#garbage.erasures());
  }

  doomed(): readonly ChunkId[] {
    return this.#database.reading(() => this.#garbage.doomed());
  }

  map(): ClusterMap | undefined {
    return this.#facts.map;
  }

  followed(): Followed | undefined {
    return this.#facts.followed;
  }

  cursor(diskId: string): number {
    return this.#facts.cursor(diskId);
  }

  chunk(chunk: ChunkId): ChunkRow | undefined {
    if (this.#flushing?.chunks.has(chunk)) return undefined;
    return this.#database.reading(() => this.#chunks.row(chunk));
  }

  rowsAfter(after: number, through: number, limit: number): readonly StoredRow[] {
    const rows = this.#database.reading(() => this.#sql.rowsAfter.rows(after, Math.min(through, this.#sequence), limit));
    return rows.map(([sequence, path, random, head, content]) => {
      const newest = this.#index.newest(path) === sequence;
      const held = newest ? this.#index.rows(path).map((row) => row.random) : undefined;
      return { sequence, path, random, head, content, held };
    });
  }

  rowsOf(path: Path): readonly StoredRow[] {
    assert(!this.#flushing?.before.has(path), "rows of a file are not asked for while an accept of it is being flushed (P1)");
    return this.#database.reading(() => {
      const rows = this.#index.rows(path);
      const newest = this.#index.newest(path);
      const held = rows.map(({ random }) => random);
      return rows.flatMap(({ sequence }): StoredRow[] => {
        const row = this.#sql.row.row(sequence);
        if (row === undefined) throw this.#noRow(path, sequence);
        return [{ sequence, path, random: row[0], head: row[1], content: row[2], held: sequence === newest ? held : undefined }];
      });
    });
  }

  scrub(): string | undefined {
    return this.#facts.scrub();
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

  #write(writes: NodeWrites, staged: Staged): void {
    for (const path of writes.dropped ?? []) this.#dropFile(path, staged);
    for (const { path, ballot } of writes.erased ?? []) this.#eraseFile(path, ballot, staged);
    this.#garbage.write(writes);
    for (const accept of writes.accepts) this.#accept(accept, staged);
    for (const content of writes.contents ?? []) this.#putContent(content, staged);
    for (const trim of writes.trims) this.#trim(trim);
    for (const chunk of writes.chunks) staged.chunkBytes += this.#chunks.put(chunk);
    for (const chunk of writes.droppedChunks) staged.chunkBytes -= this.#chunks.drop(chunk);
    this.#facts.write(writes);
  }

  #accept(accept: AcceptWrite, staged: Staged): void {
    const { path, ballot, random } = accept;
    const before = this.#before(path, staged);
    const chosen = accept.chosen || (before?.chosen === true && sameBallot(before.ballot, ballot));
    // A settle that brings no bytes must not lose those that are here.
    const content = accept.content ?? (before === undefined ? null : this.#storedContent(path, random));
    if (before !== undefined) this.#dropVersion(path, random);
    const sequence = ++staged.sequence;
    const { configuration, counter, node } = ballot;
    this.#sql.insert.run(sequence, path, configuration, counter, node, random, accept.head, content);
    this.#index.add(path, { sequence, random });
    if (before === undefined) staged.files += 1;
    staged.accepted.push({ sequence, chosen, before: before?.sequence });
    staged.logged.push(path);
    staged.registers.set(path, { sequence, ballot, head: accept.head, chosen, random, content: undefined });
  }

  /** The accepted value before this write, which nobody must miss while it is flushed. */
  #before(path: Path, staged: Staged): CachedRegister | undefined {
    const known = staged.registers.get(path);
    if (known !== undefined) return known ?? undefined;
    const before = this.#newest(path);
    this.#flushing?.before.set(path, before);
    return before;
  }

  /** The head of the accepted value is not touched: it is the register. */
  #putContent({ path, random, head, content }: ContentWrite, staged: Staged): void {
    if (this.#before(path, staged) === undefined) return; // dropped meanwhile
    const row = this.#index.rows(path).find((each) => each.random === random);
    if (row === undefined) {
      staged.oldest -= 1;
      this.#sql.insert.run(staged.oldest, path, 0, 0, 0, random, head, content);
      this.#index.addOld(path, { sequence: staged.oldest, random });
    } else if (row.sequence === this.#index.newest(path)) this.#sql.putContent.run(content, row.sequence);
    else this.#sql.putOldRow.run(random, head, content, row.sequence);
  }

  #dropFile(path: Path, staged: Staged): void {
    const before = this.#before(path, staged);
    if (before === undefined) return;
    for (const row of this.#index.rows(path)) {
      this.#sql.drop.run(row.sequence);
      this.#index.remove(path, row);
    }
    this.#sql.putMeta.run("last", staged.sequence);
    staged.files -= 1;
    staged.dropped.push(before.sequence);
    staged.registers.set(path, null);
  }

  #eraseFile(path: Path, ballot: Ballot, staged: Staged): void {
    this.#dropFile(path, staged);
    this.#garbage.erase(++staged.sequence, path, ballot);
    staged.logged.push(path);
    this.#sql.putMeta.run("last", staged.sequence);
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
