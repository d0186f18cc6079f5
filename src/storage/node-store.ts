/** The registers, change log, inline bytes and chunk index of a DataNode in SQLite. The format is in node-schema.ts. */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import type { AcceptWrite, ChunkId, ChunkRow, NodeStore, NodeWrites, StoredRegister, Trim } from "../ports.ts";
import { sameBallot } from "../register/ballot.ts";
import { mapCodec } from "../wire/codec.ts";
import type { Ballot, ClusterMap } from "../wire/messages.ts";
import { NODE_MIGRATIONS, nodeStatements, type RegisterRow } from "./node-schema.ts";
import { type CachedRegister, RegisterCache } from "./register-cache.ts";
import { Database, PAGE_BYTES } from "./sqlite.ts";

/** What a commit in progress has changed, taken over once it is durable. */
interface Staged {
  readonly registers: Map<Path, CachedRegister>;
  sequence: number;
  files: number;
  chunkBytes: number;
}

export class SqliteNodeStore implements NodeStore {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  readonly #cache = new RegisterCache();
  #sequence: number;
  #files: number;
  #chunkBytes: number;
  #ceiling: number;
  #map: ClusterMap | undefined;

  /**
   * Opens or creates the database of the disk `diskId`.
   * @throws QdfsError DATA_DIR_UNUSABLE (also when it is another disk's), DATA_DIR_LOCKED, STORAGE_FULL
   */
  static open(path: string, diskId: string): SqliteNodeStore {
    const database = Database.open(path, { synchronous: "FULL", migrations: NODE_MIGRATIONS });
    try {
      return database.reading(() => new SqliteNodeStore(database, diskId));
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: Database, diskId: string) {
    this.#database = database;
    this.#sql = nodeStatements(database);
    this.#claim(diskId);
    this.#sequence = this.#sql.lastSequence.row()?.[0] ?? 0;
    this.#files = this.#sql.files.row()?.[0] ?? 0;
    this.#chunkBytes = this.#sql.chunkBytes.row()?.[0] ?? 0;
    this.#ceiling = Number(this.#sql.meta.row("ceiling")?.[0] ?? 0);
    const map = this.#sql.meta.row("map")?.[0];
    this.#map = map instanceof Uint8Array ? mapCodec.decode(map) : undefined;
  }

  register(path: Path): StoredRegister | undefined {
    const known = this.#cache.get(path);
    if (known !== undefined) return known ?? undefined;
    return this.#database.reading(() => {
      const row = this.#sql.register.row(path);
      return this.#cache.keep(path, row === undefined ? null : cachedRow(row)) ?? undefined;
    });
  }

  current(path: Path): (StoredRegister & { readonly content: Uint8Array | null }) | undefined {
    const known = this.#cache.get(path);
    if (known === null) return undefined;
    if (known !== undefined && hasContent(known)) return known;
    return this.#database.reading(() => {
      const row = this.#sql.current.row(path);
      if (row === undefined) {
        this.#cache.keep(path, null);
        return undefined;
      }
      const [sequence, configuration, counter, node, chosen, random, head, content] = row;
      const found = { ...cachedRow([sequence, configuration, counter, node, chosen, random, head]), content };
      this.#cache.keep(path, found);
      return found;
    });
  }

  content(path: Path, random: string): Uint8Array | undefined {
    const known = this.#cache.get(path);
    if (known && known.random === random && known.content !== undefined) return known.content ?? undefined;
    return this.#database.reading(() => this.#sql.content.row(path, random)?.[0] ?? undefined);
  }

  /** The transaction runs at once; the promise is there because a worker may own the database one day. */
  async commit(writes: NodeWrites): Promise<void> {
    const staged: Staged = { registers: new Map(), sequence: this.#sequence, files: this.#files, chunkBytes: this.#chunkBytes };
    this.#database.transaction(() => this.#write(writes, staged), logBytesOf(writes));
    for (const [path, register] of staged.registers) this.#cache.keep(path, register);
    this.#sequence = staged.sequence;
    this.#files = staged.files;
    this.#chunkBytes = staged.chunkBytes;
    if (writes.ceiling !== undefined) this.#ceiling = writes.ceiling;
    if (writes.map !== undefined) this.#map = writes.map;
  }

  get sequence(): number {
    return this.#sequence;
  }

  changesAfter(sequence: number, limit: number): readonly ({ readonly path: Path } & StoredRegister)[] {
    if (sequence >= this.#sequence) return [];
    return this.#database.reading(() =>
      this.#sql.changes.rows(sequence, limit).map(([path, ...row]) => ({ path, ...cachedRow(row) })),
    );
  }

  ceiling(): number {
    return this.#ceiling;
  }

  map(): ClusterMap | undefined {
    return this.#map;
  }

  cursor(diskId: string): number {
    return this.#database.reading(() => this.#sql.cursor.row(diskId)?.[0] ?? 0);
  }

  chunk(chunk: ChunkId): ChunkRow | undefined {
    const row = this.#database.reading(() => this.#sql.chunk.row(chunk));
    return row && { chunk, owner: row[0], sizeBytes: row[1], checksum: row[2] };
  }

  usage(): { readonly files: number; readonly bytes: number } {
    return { files: this.#files, bytes: this.#database.usedBytes() + this.#chunkBytes };
  }

  maintain(): void {
    this.#database.maintain();
  }

  close(): void {
    this.#database.close();
  }

  /** A database under another disk's identity would vote with promises that were never made. */
  #claim(diskId: string): void {
    const owner = this.#sql.meta.row("disk")?.[0];
    if (owner === undefined) {
      this.#database.transaction(() => this.#sql.putMeta.run("disk", diskId), PAGE_BYTES);
    } else if (owner !== diskId) {
      throw new QdfsError(
        "DATA_DIR_UNUSABLE",
        `${this.#database.path} belongs to disk ${owner}, not to this directory's disk ${diskId}`,
      );
    }
  }

  #write(writes: NodeWrites, staged: Staged): void {
    for (const accept of writes.accepts) this.#accept(accept, staged);
    for (const { path, ballot } of writes.chosen) this.#choose(path, ballot, staged);
    for (const trim of writes.trims) this.#trim(trim);
    for (const chunk of writes.chunks) this.#putChunk(chunk, staged);
    for (const chunk of writes.droppedChunks) this.#dropChunk(chunk, staged);
    if (writes.ceiling !== undefined) this.#sql.putMeta.run("ceiling", writes.ceiling);
    if (writes.map !== undefined) this.#sql.putMeta.run("map", mapCodec.encode(writes.map));
    for (const { diskId, sequence } of writes.cursors ?? []) this.#sql.putCursor.run(diskId, sequence);
  }

  #accept(accept: AcceptWrite, staged: Staged): void {
    const { path, ballot, random } = accept;
    const before = this.#newest(path, staged);
    const chosen = accept.chosen || (before?.chosen === true && sameBallot(before.ballot, ballot));
    // A settle that brings no bytes must not lose those that are here.
    const content = accept.content ?? (before === undefined ? null : (this.#sql.content.row(path, random)?.[0] ?? null));
    const sequence = ++staged.sequence;
    const { configuration, counter, node } = ballot;
    this.#sql.insert.run(sequence, path, configuration, counter, node, chosen ? 1 : 0, random, accept.head, content);
    if (before === undefined) staged.files += 1;
    staged.registers.set(path, { sequence, ballot, head: accept.head, chosen, random, content });
  }

  #choose(path: Path, ballot: Ballot, staged: Staged): void {
    const accepted = this.#newest(path, staged);
    if (accepted === undefined || accepted.chosen || !sameBallot(accepted.ballot, ballot)) return;
    this.#sql.choose.run(accepted.sequence);
    staged.registers.set(path, { ...accepted, chosen: true });
  }

  #trim({ path, ballot, keep }: Trim): void {
    const rows = this.#sql.rowsOf.rows(path);
    const newest = rows.reduce((highest, [sequence]) => Math.max(highest, sequence), 0);
    for (const [sequence, random] of rows) {
      if (sequence !== newest && !keep.includes(random))
        this.#sql.trim.run(sequence, ballot.configuration, ballot.counter, ballot.node);
    }
  }

  #putChunk({ chunk, owner, sizeBytes, checksum }: ChunkRow, staged: Staged): void {
    staged.chunkBytes += sizeBytes - (this.#sql.chunk.row(chunk)?.[1] ?? 0);
    this.#sql.putChunk.run(chunk, owner, sizeBytes, checksum);
  }

  #dropChunk(chunk: ChunkId, staged: Staged): void {
    staged.chunkBytes -= this.#sql.chunk.row(chunk)?.[1] ?? 0;
    this.#sql.dropChunk.run(chunk);
  }

  /** The accepted value as the transaction sees it. */
  #newest(path: Path, staged: Staged): CachedRegister | undefined {
    const inside = staged.registers.get(path);
    if (inside !== undefined) return inside;
    const known = this.#cache.get(path);
    if (known !== undefined) return known ?? undefined;
    const row = this.#sql.register.row(path);
    return row && cachedRow(row);
  }
}

function cachedRow([sequence, configuration, counter, node, chosen, random, head]: RegisterRow): CachedRegister {
  return { sequence, ballot: { configuration, counter, node }, head, chosen: chosen === 1, random, content: undefined };
}

function hasContent(register: CachedRegister): register is CachedRegister & { readonly content: Uint8Array | null } {
  return register.content !== undefined;
}

/** Roughly what a commit adds to the write-ahead log: a leaf of the index per accept and per trim; hints share pages. */
function logBytesOf({ accepts, chosen, trims, chunks }: NodeWrites): number {
  let bytes = (2 + accepts.length + chosen.length / 4 + trims.length + chunks.length) * PAGE_BYTES;
  for (const { head, content } of accepts) bytes += head.length + (content?.length ?? 0);
  return bytes;
}
