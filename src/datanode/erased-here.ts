/** Telling what a replica lacks from what it has thrown away. */
import { codeOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { compareBallots, isAbsent } from "../register/ballot.ts";
import { decodeHeld } from "../register/reader.ts";
import { type Ballot, Want } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

/**
 * What a peer has accepted, and this replica has nothing of, is a tombstone at or below what was erased here (P14): the peer is about to erase
 * it, too, and this replica need not have it for that. A live value down there is not erased: it was never here.
 * True, too, when the peer has erased it meanwhile; false when it does not answer or holds something else by now.
 */
export async function isTombstoneErasedHere(
  here: {
    readonly maps: Pick<MapKeeper, "partitionOf" | "configurationOf">;
    readonly peers: Pick<Peers, "call">;
    readonly replica: Pick<Replica, "accepted" | "erasureOf">;
  },
  { path, peer, ballot }: { readonly path: Path; readonly peer: NodeNumber; readonly ballot: Ballot },
): Promise<boolean> {
  const { maps, peers, replica } = here;
  if (!isAbsent(replica.accepted(path).ballot)) return false;
  if (compareBallots(ballot, replica.erasureOf(maps.partitionOf(path)).floor) > 0) return false;
  try {
    const request = { read: { path, want: Want.HEAD, version: 0 } };
    const { held } = await peers.call(peer, maps.configurationOf(path).number, request, QUORUM_PATIENCE_MS);
    if (!held || isAbsent(held.ballot)) return true; // by now it has nothing either
    return compareBallots(held.ballot, ballot) === 0 && decodeHeld(held.head).current.tombstone;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}
