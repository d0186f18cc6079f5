/**
 * Phase 1 folded into the accept (P24): a coordinator that is a replica of the file and knows its own accepted value, of
 * ballot m, to be chosen (absence counts) promises its next ballot b to itself and sends the accept of b at once, marked
 * "base m". A replica takes a marked accept only if it would promise b and has accepted nothing above m. The coordinator's own
 * replica accepts only after the first other one did. So a put is one round trip and one fsync deep.
 *
 * Why it is phase 1 and 2 of an ordinary ballot, for R <= 2. The coordinator has promised b and holds m. The first replica that
 * took the marked accept has promised b with it and held nothing above m before. Those two are R promises, and the highest
 * accepted ballot that they show is m, whose value is chosen and on which the proposed one was built (P6). What each other
 * replica accepts at b it accepts after a promise of b, as ever. A replica that holds something above m refuses, and all it
 * costs is a round of phase 1 under a new ballot.
 *
 * Two things it rests on. The coordinator's own copy comes second: were it first, a crash right after would leave b, built on
 * m, at one replica while another holds a chosen m' between the two, and a later phase 1 that meets both would take b for
 * the newest. And R <= 2: with R = 3 a replica could take b while the third promise would have shown m'. With R = 1 there is
 * nothing to fold: the coordinator's own promise is phase 1 already. While a configuration is joint, phase 1 is done in full.
 */
import type { NodeNumber } from "../base/ids.ts";
import type { Configuration } from "../wire/messages.ts";

export function mayFold({ sets }: Configuration, self: NodeNumber): boolean {
  const [set] = sets;
  return sets.length === 1 && set !== undefined && set.r === 2 && set.nodes.includes(self);
}
