/** The SuperNode's /metrics, in the Prometheus exposition format. */
import { nodeName } from "../base/ids.ts";
import type { CatalogueTotals } from "../ports.ts";
import { type ClusterMap, NodeState } from "../wire/messages.ts";
import { stateOf } from "./status.ts";

export function gauges(map: ClusterMap, totals: ReadonlyMap<number, CatalogueTotals>, pendingFiles: number): string {
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
  ].join("");
}

function gauge(name: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string {
  const lines = values.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines}`;
}
