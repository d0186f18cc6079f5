/** Ballots (PROTOCOL, State): (configuration, counter, node), compared in that order. Absent is the lowest ballot. */
import type { Ballot } from "../wire/messages.ts";

/** The ballot of a file that was never written; it counts as chosen. */
export const ABSENT: Ballot = { configuration: 0, counter: 0, node: 0 };

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.configuration !== b.configuration) return a.configuration - b.configuration;
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.node - b.node;
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
  return a.counter === b.counter && a.node === b.node && a.configuration === b.configuration;
}

export function isAbsent(ballot: Ballot): boolean {
  return ballot.counter === 0;
}

export function highestBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b;
}

export function formatBallot(ballot: Ballot): string {
  return isAbsent(ballot) ? "absent" : `${ballot.configuration}.${ballot.counter}.${ballot.node}`;
}

/** A decoded batch's ballot keeps defaults on its prototype; what is kept is a plain one. */
export function plainBallot({ configuration, counter, node }: Ballot): Ballot {
  return { configuration, counter, node };
}
