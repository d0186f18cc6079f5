/** What may keep operations waiting for a while when the faults are over. */
import { placeable } from "../../cluster/standing.ts";
import { NodeState } from "../../wire/messages.ts";
import type { DiskView } from "./registers.ts";

/**
 * A partition has no quorum, for disks of its replicas are no more, and is on its way to one: fewer than n nodes are steady (who comes and goes
 * is held back for a minute at most), or partitions are being carried over (a request for chunks that is lost is asked again after TAKE_MS).
 * Operations on it end when their budgets do, one after the other. Where n are steady and nothing moves there is no such excuse.
 */
export function waitsForReplicas(view: DiskView): boolean {
  const { partitions, policy } = view.map;
  const there = (node: number): boolean => view.diskOfNode(node) !== undefined;
  const sets = partitions.flatMap((configuration) => configuration.sets);
  if (sets.every(({ nodes, w, r }) => nodes.filter(there).length >= Math.max(w, r))) return false;
  const steady = placeable(view.map).filter(({ number, state, held }) => there(number) && state === NodeState.UP && !held);
  return steady.length < policy.n || sets.length > partitions.length;
}
