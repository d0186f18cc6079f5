/** Which chunks lie on a DataNode's disk, in its database. */
import type { ChunkId, ChunkRow } from "../ports.ts";
import type { nodeStatements } from "./node-schema.ts";

export class ChunkIndex {
  readonly #sql: ReturnType<typeof nodeStatements>;

  constructor(sql: ReturnType<typeof nodeStatements>) {
    this.#sql = sql;
  }

  /** Of all of them; takes as long as there are many. */
  bytes(): number {
    return this.#sql.chunkBytes.row()?.[0] ?? 0;
  }

  row(chunk: ChunkId): ChunkRow | undefined {
    const row = this.#sql.chunk.row(chunk);
    return row && { chunk, owner: row[0], sizeBytes: row[1], checksum: row[2] };
  }

  after(after: string, limit: number): readonly ChunkRow[] {
    return this.#sql.chunksAfter
      .rows(after, limit)
      .map(([chunk, owner, sizeBytes, checksum]) => ({ chunk, owner, sizeBytes, checksum }));
  }

  /** By how many bytes there are more. */
  put({ chunk, owner, sizeBytes, checksum }: ChunkRow): number {
    const before = this.#sql.chunk.row(chunk)?.[1] ?? 0;
    this.#sql.putChunk.run(chunk, owner, sizeBytes, checksum);
    return sizeBytes - before;
  }

  /** Its mark of deletion goes along. How many bytes there are fewer. */
  drop(chunk: ChunkId): number {
    const before = this.#sql.chunk.row(chunk)?.[1] ?? 0;
    this.#sql.dropChunk.run(chunk);
    this.#sql.spare.run(chunk);
    return before;
  }
}
