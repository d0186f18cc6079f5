import { Command } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { formatFiles, formatSize } from "../../base/units.ts";
import type { AdaptiveStatus, Policy } from "../../wire/messages.ts";
import { ClientCommand } from "../base-command.ts";
import { nodeRow, nodeTable } from "../cluster-rows.ts";
import { type Output, sayIncomplete } from "../output.ts";

function adaptiveWords({ w, r }: Policy, adaptive: AdaptiveStatus): string {
  const { wantedW, wantedR, reason, readsPerSec, writesPerSec, moves, unavailable, failed } = adaptive;
  const wish = wantedW === w && wantedR === r ? "stays" : `would be w=${wantedW},r=${wantedR}`;
  const tries = [
    `${moves} moves`,
    ...(unavailable > 0 ? [`${unavailable} not available`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  const rates = `${readsPerSec.toFixed(0)} reads and ${writesPerSec.toFixed(0)} writes per second`;
  return `the quorum ${wish} (${reason}); ${rates}; ${tries.join(", ")}`;
}

export class StatusCommand extends ClientCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    details: `Shows the cluster: ok when every file can be read and written and every copy is there, degraded when copies are missing, unavailable when
      some files cannot be read or written.`,
    examples: [
      ["The cluster at a glance", "$0 status"],
      ["For scripts", "$0 status --json"],
    ],
  });

  override async run(output: Output): Promise<Exit> {
    return await this.withClient(async (client) => {
      const status = await client.status();
      const { clusterId, mapVersion, policy, state, files, bytes, alarms, waitingFor, incomplete } = status;
      const nodes = status.nodes.map(nodeRow);
      const { adaptive } = status;
      const quorum = { n: policy.n, w: policy.w, r: policy.r, name: policy.name, ...(adaptive === null ? {} : { adaptive }) };
      sayIncomplete(output, { incomplete });
      const words = [
        `cluster ${clusterId}: ${state}, map version ${mapVersion}, quorum ${quorum.name} (n=${quorum.n}, w=${quorum.w}, r=${quorum.r})`,
        ...(adaptive === null ? [] : [adaptiveWords(policy, adaptive)]),
        `${formatFiles(files)}, ${formatSize(bytes)}`,
        ...(waitingFor === "" ? [] : [`waiting: ${waitingFor}`]),
        ...(nodes.length === 0 ? [] : ["", nodeTable(nodes)]),
        ...(alarms.length === 0 ? [] : ["", ...alarms.map((alarm) => `! ${alarm}`)]),
      ];
      output.row({ clusterId, mapVersion, quorum, state, files, bytes, nodes, alarms, waitingFor }, words.join("\n"));
      return Exit.DONE;
    });
  }
}
