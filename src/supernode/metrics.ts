/** The SuperNode's /metrics, in the Prometheus exposition format. */
import { gauge } from "../base/exposition.ts";
import { nodeName } from "../base/ids.ts";
import { type ClusterMap, NodeState } from "../wire/messages.ts";
import type { AdaptiveStatus, NodeStatus, StatusReply } from "../wire/status-messages.ts";
import { stateOf } from "./status.ts";

export function gauges(status: StatusReply, map: ClusterMap, pendingFiles: number): string {
  const { files, bytes, nodes, raised, policy, adaptive } = status;
  const ofNodes = (value: (node: NodeStatus) => number) =>
    nodes.map((node) => [`{node="${nodeName(node.node.number)}"}`, value(node)] as const);
  const alarms = raised.map(({ node, alarm }) => [`{node="${nodeName(node)}",kind="${alarm.kind}"}`, alarm.count] as const);
  return [
    gauge("qdfs_files", "Files in the catalogue.", [["", files]]),
    gauge("qdfs_bytes", "Bytes of their current versions, one copy.", [["", bytes]]),
    gauge("qdfs_map_version", "Version of the cluster map.", [["", map.version]]),
    gauge("qdfs_cluster_ok", "1 when every replica of every partition is up.", [["", stateOf(map, () => true) === "ok" ? 1 : 0]]),
    gauge(
      "qdfs_node_up",
      "1 when the DataNode is up.",
      ofNodes(({ node }) => (node.state === NodeState.UP ? 1 : 0)),
    ),
    gauge(
      "qdfs_node_suspicion",
      "Phi: of 10^phi silences like the DataNode's present one, one ends by itself.",
      ofNodes(({ suspicion }) => suspicion),
    ),
    gauge(
      "qdfs_node_flaps",
      "How often the DataNode vanished lately.",
      ofNodes(({ flaps }) => flaps),
    ),
    gauge(
      "qdfs_node_held",
      "1 while the DataNode is held back because it comes and goes.",
      ofNodes(({ heldForMs }) => (heldForMs > 0 ? 1 : 0)),
    ),
    gauge("qdfs_node_alarms", "Alarms about DataNodes, by kind: of how many things.", alarms),
    gauge("qdfs_catalogue_pending_files", "Files with changes that are not listed yet.", [["", pendingFiles]]),
    gauge("qdfs_quorum_w", "Write quorum of the policy.", [["", policy.w]]),
    gauge("qdfs_quorum_r", "Read quorum of the policy.", [["", policy.r]]),
    ...(adaptive === null ? [] : [adaptiveCounters(adaptive)]),
  ].join("");
}

function adaptiveCounters({ moves, failed }: AdaptiveStatus): string {
  const ends = [["done", moves] as const, ["failed", failed] as const];
  const values = ends.map(([end, count]) => [`{end="${end}"}`, count] as const);
  return gauge("qdfs_quorum_moves_total", "Changes of an adaptive quorum, by how they ended.", values, "counter");
}
