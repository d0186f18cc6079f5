/** Legal quorums, by chance. */
import { REPLICAS_MAX } from "../limits.ts";
import type { PlannedFault } from "./plan.ts";

/** Any legal quorum; `now`: replicas of the present one, which it often keeps; else of as many as there are members, or one more. */
export function anyQuorum([size, write, read, same]: PlannedFault["choices"], now: number, members: number) {
  const n = same < 0.6 ? now : 1 + Math.floor(size * Math.min(REPLICAS_MAX, members + 1));
  const w = 1 + Math.floor(write * n);
  const least = n - w + 1;
  const r = read < 0.6 ? least : least + Math.floor(((read - 0.6) / 0.4) * w);
  return { n, w, r };
}
