/** A whole history judged: the operations on each file, and the listings. */
import type { RecordedListing, RecordedOperation } from "./history.ts";
import { type CheckOptions, checkHistory } from "./linearizability.ts";
import { checkListings, type ListingVerdict } from "./listings.ts";
import type { Verdict } from "./verdict.ts";

export interface Judgement extends Verdict, Omit<ListingVerdict, keyof Verdict> {}

/** `violated` if either the files or the listings are; `unknown` only if nothing is violated. */
export function judge(
  operations: readonly RecordedOperation[],
  listings: Iterable<RecordedListing>,
  options: CheckOptions = {},
): Judgement {
  const files = checkHistory(operations, options);
  const listed = checkListings(operations, listings, options);
  const { listingsChecked, listingsViolated } = listed;
  const verdict = listed.verdict === "violated" ? "violated" : files.verdict;
  return { ...files, verdict, listingsChecked, listingsViolated, violations: [...files.violations, ...listed.violations] };
}
