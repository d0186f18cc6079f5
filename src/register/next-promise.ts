/**
 * The next promise (P7): an accept of ballot b may ask the replica to promise a further ballot of the same coordinator as well, b2 > b. When W
 * replicas of each set took the accept, the coordinator may propose one value at b2 at once, without a phase 1: on top of what they
 * took, which is chosen. So the writers of one file, who queue at its home, cost one round each, and no round waits for the home's own disk.
 *
 * Why that is phase 1 of b2. What phase 1 has to show is the highest ballot below b2 at which a value was or can still be chosen. That is b, if
 * nothing can be proposed between the two. Take the lowest ballot of all those in such gaps that completes a phase 1. In full or folded (P24), its R
 * replicas meet the W that took b and promised b2 in one step: one of them refuses it, or promised it before, and refused b. Or it was itself promised
 * along with an accept of some p, which is another coordinator's than b (an accept promises one ballot); then p lies below b, for the ballot is the lowest
 * in any gap, so b lies in the gap of p and is lower still: a contradiction. That two sets of W need
 * not meet does not matter. The model has it so, together with P24, changes of configurations and erasing.
 *
 * What it rests on. The promise counts like any other: it is a floor (P2), and the durable ceiling is above it when the accept is answered (P3). It
 * is good for one value: a ballot whose accept was refused or is not heard of again is never used for another one. And it is no answer
 * to a question: what a precondition refuses is answered from R promises of its own (P8). Here it is handed to the next operation in the
 * file's queue and to nobody else, so nothing is remembered that could be old.
 */
import type { Ballot, Head } from "../wire/messages.ts";

export interface NextPromise {
  /** Promised by W replicas of each set of this configuration, with the accept of `head`. */
  readonly ballot: Ballot;
  readonly head: Head;
}
