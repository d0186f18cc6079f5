/**
 * Generations (P17): one for each life of the SuperNode that issues maps. A SuperNode that lost its memory, or whose memory is an older
 * copy (a restored backup), cannot know what it issued before: two lives would issue two maps under one number. So it opens a new
 * generation, and issues its first map only when enough replicas follow it, have handed over their newest map, and refuse
 * maps of older generations from then on.
 *
 * How many. P17 asks for N-min(R,W)+1 replicas of each set in the newest map found. With k = min(R,W) that meets every R and every W of the set:
 * whatever was chosen, read or settled under a map, one of the followers had adopted that map. It does not meet every *barrier* of
 * P16, which has N-k+1 replicas as well, when 2k > N+1. → N=3, W=R=3, old set {1,2,3}: a change to {4,5,6} passes its barrier with
 * node 1 alone, and finds no file to settle; the new set serves. A SuperNode that is rebuilt from node 2 alone has never heard of
 * it, and hands the partition back to {1,2,3}: what {4,5,6} acknowledged is lost to sight. So k replicas are asked for as well:
 * N-k+1 and k of N always share one. Any two such sets of followers share one too, for 2 max(N-k+1, k) >= N+1: and since a replica
 * follows one life in a generation, two lives that are rebuilt at the same time never issue maps of the same one.
 *
 * What may have been issued unheard. Let M be the newest map found, in which a partition has configuration c. The next change begins with a
 * joint configuration, whose barrier in the set that it leaves meets the followers: so of a change that they have not heard of no rescan
 * ended. A lost life can have issued, beyond c: if c is joint, its end, or that it is taken back, and the beginning of another change; else that
 * beginning; and a change that began can have been turned to other replicas, again and again (moves.ts), for none of that waits for anybody. Nothing
 * was chosen in any of them, for the followers, who meet every W of each set of c, had adopted none of them and never will.
 *
 * Hence both sets of a joint configuration must be met: two lives at the same time find newest maps that are at most one such step apart,
 * and neighbours share a set. In it their followers meet, so they do not open the same generation. And hence a joint configuration
 * that is found is taken for one that was just issued: barrier and rescan begin anew, under its new number, by which neither what an
 * older life's movers have reported nor their work under way counts. It ends forwards, in the new set alone, and never by being taken
 * back or turned to other replicas: the map says so (`recovered`), for whoever comes after this life has to go by it, too. → {1,2,3} to {1,2,4}: a life issues the end, of which node 3 alone hears, and drops what it has left; recovery finds the joint
 * configuration. Node 3 counts in the old set again with nothing. That is harmless while the new set is needed as well, which holds
 * everything, for its end was issued; the old set alone would have lost what 2 and 3 had.
 *
 * Configuration numbers. What an older life issued last may have reached too few to be heard of, and they may have promised in it. So
 * a new generation numbers every configuration anew, above all that older ones can have issued, with the same sets: for
 * ballots, whose highest digit it is, that is one more step up, on the same acceptors with the same quorums, as after any refusal.
 * No barrier and no rescan are needed, as they are where sets change.
 *
 * Joining empty (P15) compares numbers: a replica drops what it holds of a partition when the configuration with which it joined (`since`)
 * is above the one that it had adopted. `since` keeps its number in a new generation. Who had adopted that configuration or a later one of
 * c's line has had it with all that came afterwards, and keeps it; who had not drops it, as it would have without the recovery. Who had
 * adopted a configuration that nobody heard of has adopted one above every `since` of c: nothing was chosen without it there, so it keeps
 * what it holds. And whatever joins later does so with a number above all of them: what was carried to it by a lost life it drops.
 * → were `since` numbered anew, too, each replica that ever joined would drop, in the same commit, what others count it for.
 */
import { assert } from "../base/errors.ts";
import type { ClusterMap, Configuration, ReplicaSet } from "../wire/messages.ts";

/** Numbers of configurations in a generation; 2^16 generations share the 32 bits. */
const CONFIGURATIONS_OF_GENERATION = 2 ** 16;
/** More than a life can have issued of one partition beyond what followers have heard of: the end of a change, the beginning of another. */
const UNHEARD_MAX = 16;
export const GENERATION_MAX = 2 ** 16 - 1;

/** How many replicas of a set must follow a new generation before a map of it may be issued. */
export function followNeed({ nodes, w, r }: ReplicaSet): number {
  const least = Math.min(r, w);
  return Math.max(nodes.length - least + 1, least);
}

/** The first map of a generation, from the newest that its followers handed over. `address`: of the SuperNode that issues it. */
export function openGeneration(newest: ClusterMap, generation: number, address: string, nextNode: number): ClusterMap {
  assert(generation > newest.generation && generation <= GENERATION_MAX, "a new generation is above all that were seen");
  return {
    ...newest,
    generation,
    // Above the versions before as well: "newer" then means the same to whoever looks at versions alone.
    version: newest.version + 1,
    partitions: newest.partitions.map((configuration) => renumbered(configuration, newest.generation, generation)),
    supernodes: [address],
    nextNode,
  };
}

/** Where a generation has used up its numbers, those of the next ones follow as closely as is safe. */
function renumbered(configuration: Configuration, before: number, generation: number): Configuration {
  const first = (generation - 1) * CONFIGURATIONS_OF_GENERATION + 1;
  const number = Math.max(first, configuration.number + (generation - before) * UNHEARD_MAX);
  return configuration.sets.length > 1 ? { ...configuration, number, recovered: true } : { ...configuration, number };
}
