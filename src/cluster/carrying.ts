/**
 * Whether a change of replicas or quorums has to carry anything over (P16), beyond its barrier. Pure.
 *
 * What the new set must see is what may have been chosen, or returned by a read, in the old one. A chosen value stands on W of the old replicas; one that was
 * only read on N-R+1 of them (P11). `left` of these may be gone with the old set. If nobody joins, then
 * * from.w - left >= to.w: what was chosen is held by as many as the new W promises, and these meet every new R, for R + W > N;
 * * to.r >= from.r: what was read stands on N - left - from.r + 1 replicas of the new N = N - left, which meet every R that is not smaller.
 * So every phase 1 and every read of the new set finds what the old one would have found, and the bytes are there: chunks were confirmed, and inline
 * bytes accepted, by the same W. Nothing has to be looked through; the barrier alone keeps old quorums from forming beside the new ones.
 *
 * That is the way from few reads' replicas to more (write-optimized). The other way is the dear one: where R shrinks or W grows, a value that was chosen
 * by the old W may be missed by the new R, so each file is settled and brought to the new W first.
 */
import type { ReplicaSet } from "../wire/messages.ts";

export function mustCarry(from: ReplicaSet, to: ReplicaSet): boolean {
  const left = from.nodes.filter((node) => !to.nodes.includes(node)).length;
  const joins = to.nodes.some((node) => !from.nodes.includes(node));
  return joins || from.w - left < to.w || to.r < from.r;
}
