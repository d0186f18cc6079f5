/** The different replica sets of a map. There are few, while there are a thousand partitions: what holds of all partitions is decided here. */
import type { ClusterMap, ReplicaSet } from "../wire/messages.ts";

const distinct = new WeakMap<ClusterMap, readonly ReplicaSet[]>();

/** Every replica set of any partition once, whatever the order of its nodes: a count needed in each set is needed in these (P10). */
export function distinctSets(map: ClusterMap): readonly ReplicaSet[] {
  const known = distinct.get(map);
  if (known !== undefined) return known;
  const sets = new Map<string, ReplicaSet>();
  for (const configuration of map.partitions) {
    for (const set of configuration.sets) {
      const key = `${[...set.nodes].sort((a, b) => a - b).join()} ${set.w} ${set.r}`;
      if (!sets.has(key)) sets.set(key, set);
    }
  }
  const list = [...sets.values()];
  distinct.set(map, list);
  return list;
}
