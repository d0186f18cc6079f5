/** The SuperNode's /metrics, in the Prometheus exposition format. */
import { nodeName } from "../base/ids.ts";
import type { CatalogueTotals } from "../ports.ts";
import { type AdaptiveStatus, type ClusterMap, NodeState } from "../wire/messages.ts";
import { stateOf } from "./status.ts";

export function gauges(
  map: ClusterMap,
  totals: ReadonlyMap<number, CatalogueTotals>,
  pendingFiles: number,
  adaptive: AdaptiveStatus | null,
): string {
  let files = 0;
  let sizeBytes = 0;
  for (const total of totals.values()) {
    files += total.files;
    sizeBytes += total.sizeBytes;
  }
  const up = map.nodes.map((node) => [`{node="${nodeName(node.number)}"}`, node.state === NodeState.UP ? 1 : 0] as const);
  return [
    gauge("qdfs_files", "Files in the catalogue.", [["", files]]),
    gauge("qdfs_bytes", "Bytes of their current versions, one copy.", [["", sizeBytes]]),
    gauge("qdfs_map_version", "Version of the cluster map.", [["", map.version]]),
    gauge("qdfs_cluster_ok", "1 when every replica of every partition is up.", [["", stateOf(map, () => true) === "ok" ? 1 : 0]]),
    gauge("qdfs_node_up", "1 when the DataNode is up.", up),
    gauge("qdfs_catalogue_pending_files", "Files with changes that are not listed yet.", [["", pendingFiles]]),
    gauge("qdfs_quorum_w", "Write quorum of the policy.", [["", map.policy.w]]),
    gauge("qdfs_quorum_r", "Read quorum of the policy.", [["", map.policy.r]]),
    ...(adaptive === null ? [] : [adaptiveCounters(adaptive)]),
  ].join("");
}

function adaptiveCounters({ moves, unavailable, failed }: AdaptiveStatus): string {
  const ends = [["done", moves] as const, ["unavailable", unavailable] as const, ["failed", failed] as const];
  const values = ends.map(([end, count]) => [`{end="${end}"}`, count] as const);
  return gauge("qdfs_quorum_moves_total", "Changes of an adaptive quorum, by how they ended.", values, "counter");
}

function gauge(
  name: string,
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
  type: "gauge" | "counter" = "gauge",
): string {
  const lines = values.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
}
