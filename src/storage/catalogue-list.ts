/**
 * One page of a listing. Files and subdirectories are two ordered streams, each read from its own index in batches and
 * merged in byte order of path, so a page costs what it holds: a subtree is one row of `directories`, however large.
 */
import { compareUtf8 } from "../base/utf8-order.ts";
import type { CataloguePage, CatalogueQuery } from "../supernode-ports.ts";
import { type ListEntry, ListKind } from "../wire/messages.ts";
import type { DirectoryPath } from "./catalogue-count.ts";
import { type catalogueStatements, checkedFileRow, type FileRow } from "./catalogue-schema.ts";

type Statements = ReturnType<typeof catalogueStatements>;

/** Rows of one read: grows from the page's size when a filter lets few through. */
const BATCH_ROWS_MAX = 4096;
/** What sorts behind every path that begins with `<directory>/`: `0` is the byte after `/`. */
const behind = (directory: DirectoryPath) => `${directory}0`;

export function listPage(sql: Statements, query: CatalogueQuery): CataloguePage {
  const directory = query.prefix === "/" ? "" : query.prefix;
  const streams = query.recursive
    ? [filesBelow(sql, query, directory)]
    : [filesIn(sql, query, directory), directoriesIn(sql, query, directory)];
  const entries: ListEntry[] = [];
  for (const entry of merged(streams)) {
    // A file and a directory of one name stay together, or `after` would skip the second.
    if (entries.length >= query.limit && entries.at(-1)?.path !== entry.path) return { entries, more: true };
    entries.push(entry);
  }
  return { entries, more: false };
}

function* merged(streams: readonly Generator<ListEntry>[]): Generator<ListEntry> {
  const heads = streams.map((stream) => ({ stream, next: stream.next() }));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.next.done) continue;
      if (first === undefined || first.next.done || compareUtf8(head.next.value.path, first.next.value.path) < 0) first = head;
    }
    if (first === undefined || first.next.done) return;
    yield first.next.value;
    first.next = first.stream.next();
  }
}

/** Rows after `after`, read in batches of growing size: the first is what a page needs. */
function* batched<Row>(
  first: number,
  after: string,
  read: (after: string, limit: number) => Row[],
  pathOf: (row: Row) => string,
): Generator<Row> {
  let from = after;
  for (let limit = Math.min(first, BATCH_ROWS_MAX); ; limit = Math.min(2 * limit, BATCH_ROWS_MAX)) {
    const rows = read(from, limit);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    from = pathOf(last);
  }
}

const deletedOf = ({ kind }: CatalogueQuery) => (kind === ListKind.TRASH ? 1 : 0);
const pathOfRow = (row: FileRow) => row[1];

function* filesOf(query: CatalogueQuery, rows: Iterable<FileRow>): Generator<ListEntry> {
  for (const row of rows) {
    if (query.partitions === undefined || query.partitions.has(row[6])) yield fileEntry(row);
  }
}

function filesBelow(sql: Statements, query: CatalogueQuery, directory: DirectoryPath): Generator<ListEntry> {
  const start = later(query.after, `${directory}/`);
  const read = (after: string, limit: number) => sql.filesBelow.rows(deletedOf(query), after, behind(directory), limit);
  return filesOf(query, batched(query.limit + 1, start, read, pathOfRow));
}

function filesIn(sql: Statements, query: CatalogueQuery, directory: DirectoryPath): Generator<ListEntry> {
  const id = sql.directory.row(directory)?.[0] ?? -1;
  const read = (after: string, limit: number) => sql.filesIn.rows(id, deletedOf(query), after, limit);
  return filesOf(query, batched(query.limit + 1, query.after, read, pathOfRow));
}

function* directoriesIn(sql: Statements, query: CatalogueQuery, directory: DirectoryPath): Generator<ListEntry> {
  const id = sql.directory.row(directory)?.[0] ?? -1;
  const children = query.kind === ListKind.TRASH ? sql.trashed : sql.listed;
  const read = (after: string, limit: number) => children.rows(id, after, limit);
  for (const [path] of batched(query.limit + 1, query.after, read, ([child]) => child)) {
    if (query.partitions === undefined || holdsFileOf(sql, query, path)) yield directoryEntry(path);
  }
}

/** True when a file below is of one of the partitions asked for; looks until it finds one. */
function holdsFileOf(sql: Statements, query: CatalogueQuery, directory: DirectoryPath): boolean {
  const read = (after: string, limit: number) => sql.filesBelow.rows(deletedOf(query), after, behind(directory), limit);
  const rows = batched(16, `${directory}/`, read, pathOfRow);
  return filesOf(query, rows).next().done === false;
}

function later(a: string, b: string): string {
  return compareUtf8(a, b) > 0 ? a : b;
}

function fileEntry(row: FileRow): ListEntry {
  const [, path, , , , , , version, size, , modified, written, author, checksum] = checkedFileRow(row);
  return {
    path,
    directory: false,
    sizeBytes: size,
    version,
    modifiedAtMs: modified,
    writtenAtMs: written,
    by: author,
    checksum,
  };
}

function directoryEntry(path: DirectoryPath): ListEntry {
  return { path, directory: true, sizeBytes: 0, version: 0, modifiedAtMs: 0, writtenAtMs: 0, by: "", checksum: "" };
}
