/** Telling what a replica lacks from what it has thrown away. */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { compareBallots, isAbsent } from "../register/ballot.ts";
import { decodeHeld } from "../register/reader.ts";
import { type Ballot, Want } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

/**
 * `erased`: it was thrown away here, or the peer has nothing by now. `missing`: the peer holds it, and here it was not erased. `replaced`: the
 * peer holds something else by now, so what it was cannot be told any more.
 */
export type Absence = "erased" | "missing" | "replaced";

/**
 * What a peer has accepted, and this replica has nothing of, is erased if it is a tombstone at or below what was erased here (P14): the peer is
 * about to erase it, too, and this replica need not have it for that. A live value down there is not erased: it was never here, or was lost.
 * The peer is asked which of them it is, and that takes time: by then this replica may hold something newer.
 * @throws QdfsError the peer does not say: silence makes no tombstone a live value, nor the other way round
 */
export async function absenceHere(
  here: {
    readonly maps: Pick<MapKeeper, "partitionOf" | "configurationOf">;
    readonly peers: Pick<Peers, "call">;
    readonly replica: Pick<Replica, "accepted" | "erasureOf">;
  },
  { path, peer, ballot }: { readonly path: Path; readonly peer: NodeNumber; readonly ballot: Ballot },
): Promise<Absence> {
  const { maps, peers, replica } = here;
  if (!isAbsent(replica.accepted(path).ballot)) return "missing";
  if (compareBallots(ballot, replica.erasureOf(maps.partitionOf(path)).floor) > 0) return "missing";
  const request = { read: { path, want: Want.HEAD, version: 0 } };
  const { held } = await peers.call(peer, maps.configurationOf(path).number, request, QUORUM_PATIENCE_MS);
  if (!held) throw new QdfsError("BAD_REQUEST", `${nodeName(peer)} answers a read with nothing`);
  if (isAbsent(held.ballot)) return "erased";
  if (compareBallots(held.ballot, ballot) !== 0) return "replaced";
  return decodeHeld(held.head).current.tombstone ? "erased" : "missing";
}
