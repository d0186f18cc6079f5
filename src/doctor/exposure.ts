/**
 * What would go if one more DataNode died: arithmetic over the replica sets. Pure.
 *
 * Reads need R and writes W of every set of a configuration (P10). An acknowledged write stands on W replicas of the old set, maybe on no
 * more; so it may be gone when W of them are, and everything is when the last of them is.
 */
import type { NodeNumber } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import { reaches, readNeed, writeNeed } from "../register/quorum.ts";
import type { ClusterMap, Configuration } from "../wire/messages.ts";

/** Partitions, by what becomes of their files. */
export interface Outcome {
  readonly unreadable: readonly number[];
  readonly unwritable: readonly number[];
  /** Should those that are away never come back: writes that stood on W replicas alone, and all. */
  readonly mayLose: readonly number[];
  readonly lost: readonly number[];
}

export interface Exposure extends Outcome {
  /** The node whose death would add this to what is so already. */
  readonly node: NodeNumber;
}

function isLost({ sets: [from] }: Configuration, live: ReadonlySet<NodeNumber>, copies: number): boolean {
  const gone = from?.nodes.filter((node) => !live.has(node)).length ?? 0;
  return gone >= copies;
}

/** With these nodes alive. */
export function outcomeOf(map: ClusterMap, live: ReadonlySet<NodeNumber>): Outcome {
  const where = (is: (configuration: Configuration) => boolean): number[] =>
    map.partitions.flatMap((configuration, partition) => (is(configuration) ? [partition] : []));
  return {
    unreadable: where((configuration) => !reaches(configuration, readNeed, live)),
    unwritable: where((configuration) => !reaches(configuration, readNeed, live) || !reaches(configuration, writeNeed, live)),
    mayLose: where((configuration) => isLost(configuration, live, configuration.sets[0]?.w ?? 1)),
    lost: where((configuration) => isLost(configuration, live, configuration.sets[0]?.nodes.length ?? 1)),
  };
}

/** For each node that is alive, what its death would add. */
export function exposures(map: ClusterMap, live: ReadonlySet<NodeNumber>): readonly Exposure[] {
  const now = outcomeOf(map, live);
  const added = (then: readonly number[], already: readonly number[]): readonly number[] => {
    const known = new Set(already);
    return then.filter((partition) => !known.has(partition));
  };
  return [...live]
    .toSorted((a, b) => a - b)
    .map((node) => {
      const then = outcomeOf(map, new Set([...live].filter((other) => other !== node)));
      return {
        node,
        unreadable: added(then.unreadable, now.unreadable),
        unwritable: added(then.unwritable, now.unwritable),
        mayLose: added(then.mayLose, now.mayLose),
        lost: added(then.lost, now.lost),
      };
    });
}

/** Partitions one of whose replicas is not alive. */
export function shortOf(map: ClusterMap, live: ReadonlySet<NodeNumber>): readonly number[] {
  return map.partitions.flatMap((configuration, partition) =>
    replicasOf(configuration).every((node) => live.has(node)) ? [] : [partition],
  );
}
