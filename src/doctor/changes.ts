/** Findings about partitions on their way: joint for long and nothing moves, or not even begun. */
import { formatDuration } from "../base/units.ts";
import { replicasOf } from "../cluster/map.ts";
import { STANDSTILL_MS } from "../limits.ts";
import { answering, type Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { giveUpHints, startHints } from "./servers.ts";

export function changeFindings(facts: Facts): readonly Finding[] {
  const { status, map } = facts;
  if (status === undefined) return [];
  const { joint, standstillMs, rebalance } = status;
  const waits = rebalance?.waitsFor ?? [];
  const live = answering(facts);
  const concerned = joint.flatMap(({ partition }) => {
    const configuration = map.partitions[partition];
    return configuration === undefined ? [] : replicasOf(configuration).filter((node) => !live.has(node));
  });
  const away = [...new Set(concerned)].toSorted((a, b) => a - b);
  const mend = [...startHints(facts, away), ...giveUpHints(facts, away)];
  if (joint.length > 0 && standstillMs >= STANDSTILL_MS) {
    const what = `${rebalance?.moving ?? joint.length} partitions are between two configurations, and nothing has been carried over for ${formatDuration(standstillMs)}`;
    const ages = joint.map(({ partition, forMs }) => `partition ${partition}: joint for ${formatDuration(forMs)}`);
    const count = rebalance?.moving ?? joint.length;
    return [
      finding("stuck", "warning", what, { count, examples: [...waits, ...ages], mend: mend.length > 0 ? mend : ["qdfs status"] }),
    ];
  }
  if (joint.length === 0 && rebalance !== null && waits.length > 0) {
    const what = `${rebalance.waiting} partitions are not where they belong, and cannot be moved now`;
    return [
      finding("not-movable", "warning", what, {
        count: rebalance.waiting,
        examples: waits,
        mend: startHints(facts, unheard(facts)),
      }),
    ];
  }
  if (rebalance === null) return [];
  const { moving, waiting, moved } = rebalance;
  return [
    finding("moving", "note", `${moving} of ${moving + waiting + moved} partitions are on their way`, {
      count: moving + waiting,
    }),
  ];
}

function unheard({ map, ...facts }: Facts) {
  const live = answering({ map, ...facts });
  return map.nodes.map(({ number }) => number).filter((number) => !live.has(number));
}
