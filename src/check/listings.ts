/**
 * Judges listings against the operations on the files that they list. A listing is no operation on one register, and it is not
 * promised to be one moment's picture; promised is (`qdfs help consistency`): every put that had returned before it began is in
 * it, at that version or a later one, unless a removal may have come after it; no file is whose removal had returned before,
 * unless it may have been written again; and nothing is that nobody made. One that says itself that something may be missing,
 * and an eventual one, is held to the last alone.
 */
import { CHECK_VIOLATIONS_MAX } from "../tool-limits.ts";
import { FileChanges } from "./file-changes.ts";
import type { RecordedListing, RecordedOperation } from "./history.ts";
import type { Violation } from "./verdict.ts";

export interface ListingVerdict {
  readonly verdict: "ok" | "violated";
  readonly listingsChecked: number;
  readonly listingsViolated: number;
  /** The first few, one for each listing, in order of the listings. */
  readonly violations: readonly Violation[];
}

/** `tombstonesErased`: as in CheckOptions. */
export function checkListings(
  operations: readonly RecordedOperation[],
  listings: Iterable<RecordedListing>,
  { tombstonesErased = false }: { readonly tombstonesErased?: boolean } = {},
): ListingVerdict {
  const files = FileChanges.of(operations, tombstonesErased);
  const violations: Violation[] = [];
  let listingsChecked = 0;
  let listingsViolated = 0;
  for (const listing of listings) {
    listingsChecked++;
    const violation = violationOf(listing, files);
    if (violation !== undefined && listingsViolated++ < CHECK_VIOLATIONS_MAX) violations.push(violation);
  }
  return { verdict: listingsViolated > 0 ? "violated" : "ok", listingsChecked, listingsViolated, violations };
}

function violationOf(listing: RecordedListing, files: ReadonlyMap<string, FileChanges>): Violation | undefined {
  const listed = new Map(listing.entries.map(({ path, version }) => [path, version]));
  for (const [path, version] of listed) {
    const file = files.get(path);
    const violation = file === undefined ? inventedFile(listing, path) : wrongEntry(listing, file, path, version);
    if (violation !== undefined) return violation;
  }
  if (!isComplete(listing)) return undefined;
  const directory = listing.path === "/" ? "/" : `${listing.path}/`;
  for (const [path, file] of files) {
    if (listed.has(path) || !path.startsWith(directory)) continue;
    const put = file.putThatMustBeListed(listing);
    if (put === undefined) continue;
    return found(listing, path, "a listing lacks a file whose put had returned before it began", [put]);
  }
  return undefined;
}

function wrongEntry(listing: RecordedListing, file: FileChanges, path: string, version: number): Violation | undefined {
  const makers = file.makersOf(version, listing);
  if (makers.length === 0) return found(listing, path, `a listing shows version ${version}, which nobody had made`, []);
  if (!isComplete(listing)) return undefined;
  const newer = file.newerReturnedBefore(version, listing);
  if (newer?.kind === "rm") {
    return found(listing, path, `a listing shows version ${version} of a file whose removal had returned before it began`, [
      newer,
    ]);
  }
  if (newer !== undefined) {
    return found(listing, path, `a listing shows version ${version}; version ${newer.version} had returned before it began`, [
      newer,
    ]);
  }
  const removal = file.removalAfterAll(makers, listing);
  if (removal === undefined) return undefined;
  return found(listing, path, "a listing shows a file whose removal had returned before it began", [removal]);
}

function inventedFile(listing: RecordedListing, path: string): Violation {
  return found(listing, path, "a listing shows a file that nobody wrote", []);
}

function isComplete({ complete, guarantee }: RecordedListing): boolean {
  return complete !== false && (guarantee === undefined || guarantee === "linearizable");
}

/** With no more of the listing than its entry of that file. */
function found(
  listing: RecordedListing,
  path: string,
  contradiction: string,
  operations: readonly RecordedOperation[],
): Violation {
  const shown = { ...listing, entries: listing.entries.filter((entry) => entry.path === path) };
  return { path, contradiction, operations: [...operations, shown] };
}
