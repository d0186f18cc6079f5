/** What a DataNode's database holds besides files and chunks: whose it is, the ceiling, the map, the SuperNode followed, cursors, the scrub. */
import { QdfsError } from "../base/errors.ts";
import type { Followed, NodeWrites } from "../ports.ts";
import { mapCodec } from "../wire/codec.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { nodeStatements } from "./node-schema.ts";
import type { Database } from "./sqlite.ts";
import { followedIn, followedText, isCount, storedCount, storedMap } from "./stored-values.ts";

export class NodeFacts {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof nodeStatements>;
  #ceiling: number;
  #map: ClusterMap | undefined;
  #followed: Followed | undefined;

  /** @throws QdfsError DATA_DIR_UNUSABLE: it is damaged, or another disk's than `diskId` */
  constructor(database: Database, sql: ReturnType<typeof nodeStatements>, diskId: string) {
    this.#database = database;
    this.#sql = sql;
    this.#claim(diskId);
    this.#ceiling = storedCount(this.#sql.meta.row("ceiling")?.[0] ?? 0, "ceiling", database.path);
    const map = this.#sql.meta.row("map")?.[0];
    this.#map = map === undefined ? undefined : storedMap(map, database.path);
    this.#followed = followedIn(this.#sql.meta.row("followed")?.[0], database.path);
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  get followed(): Followed | undefined {
    return this.#followed;
  }

  cursor(diskId: string): number {
    const sequence = this.#database.reading(() => this.#sql.cursor.row(diskId)?.[0] ?? 0);
    return isCount(sequence) ? sequence : 0; // damaged: the log is looked through again
  }

  scrub(): string | undefined {
    const text = this.#database.reading(() => this.#sql.meta.row("scrub")?.[0]);
    return typeof text === "string" ? text : undefined;
  }

  /** Within a transaction. */
  write(writes: NodeWrites): void {
    if (writes.ceiling !== undefined) this.#sql.putMeta.run("ceiling", writes.ceiling);
    if (writes.map !== undefined) this.#sql.putMeta.run("map", mapCodec.encode(writes.map));
    if (writes.followed !== undefined) this.#sql.putMeta.run("followed", followedText(writes.followed));
    for (const { diskId, sequence } of writes.cursors ?? []) this.#sql.putCursor.run(diskId, sequence);
    if (writes.scrub !== undefined) this.#sql.putMeta.run("scrub", writes.scrub);
  }

  /** What was written is durable. */
  keep(writes: NodeWrites): void {
    if (writes.ceiling !== undefined) this.#ceiling = writes.ceiling;
    if (writes.map !== undefined) this.#map = writes.map;
    if (writes.followed !== undefined) this.#followed = writes.followed;
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
}
