/**
 * Writes down what clients asked and were told, for the checkers. Calls and returns are numbered, each one higher than the
 * last: virtual time alone would not tell their order.
 */
import type { RecordedListing, RecordedOperation } from "../check/history.ts";

export type Call = Omit<RecordedOperation, "returnNs" | "outcome" | "version" | "valueId"> & { readonly valueId?: string };
export type Ending = Pick<RecordedOperation, "outcome" | "version"> &
  Partial<Pick<RecordedOperation, "valueId" | "refusal" | "guarantee">>;

export class Recorder {
  readonly operations: RecordedOperation[] = [];
  readonly listings: RecordedListing[] = [];
  #moment = 0;

  /** The moment of a call or of a return. */
  moment(): number {
    this.#moment += 1;
    return this.#moment;
  }

  operation(call: Call, ending: Ending): void {
    const returnNs = ending.outcome === "unknown" ? null : this.moment();
    this.operations.push({ valueId: null, ...call, ...ending, returnNs });
  }

  listing(listing: Omit<RecordedListing, "kind" | "returnNs">): void {
    this.listings.push({ kind: "ls", ...listing, returnNs: this.moment() });
  }
}
