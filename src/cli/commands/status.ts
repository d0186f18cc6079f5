import { Command } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { formatFiles, formatSize } from "../../base/units.ts";
import type { Garbage } from "../../wire/garbage-messages.ts";
import type { Policy } from "../../wire/messages.ts";
import type { AdaptiveStatus } from "../../wire/status-messages.ts";
import { ClientCommand } from "../base-command.ts";
import { badCopiesWords, nodeRow, nodeTable, quorumRow, quorumWords, rebalanceWords } from "../cluster-rows.ts";
import { type Output, sayIncomplete } from "../output.ts";

function adaptiveWords({ w, r }: Policy, adaptive: AdaptiveStatus): string {
  const { wantedW, wantedR, reason, readsPerSec, writesPerSec, moves, failed } = adaptive;
  const wish = wantedW === w && wantedR === r ? "stays" : `would be w=${wantedW},r=${wantedR}`;
  const tries = [`${moves} moves`, ...(failed > 0 ? [`${failed} failed`] : [])];
  const rates = `${readsPerSec.toFixed(0)} reads and ${writesPerSec.toFixed(0)} writes per second`;
  return `the quorum ${wish} (${reason}); ${rates}; ${tries.join(", ")}`;
}

function garbageWords(garbage: Garbage | null | undefined): readonly string[] {
  if (!garbage || garbage.tombstones + garbage.orphanChunks + garbage.doomedChunks === 0) return [];
  const { tombstones, orphanChunks, orphanBytes, waitsFor } = garbage;
  const held = waitsFor === "" ? "" : `; erasing waits for ${waitsFor}`;
  return [
    `garbage: ${tombstones} tombstones on all nodes, ${orphanChunks} chunks (${formatSize(orphanBytes)}) that no version names${held}`,
  ];
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
      const { clusterId, mapVersion, policy, state, files, bytes, alarms, waitingFor, incomplete, rebalance, garbage } = status;
      const nodes = status.nodes.map(nodeRow);
      const { adaptive } = status;
      const quorum = quorumRow(status);
      sayIncomplete(output, { incomplete });
      const words = [
        `cluster ${clusterId}: ${state}, map version ${mapVersion}`,
        quorumWords(status),
        ...(adaptive === null ? [] : [adaptiveWords(policy, adaptive)]),
        `${formatFiles(files)}, ${formatSize(bytes)}`,
        ...(waitingFor === "" ? [] : [`waiting: ${waitingFor}`]),
        ...(rebalance === null ? [] : rebalanceWords(rebalance)),
        ...garbageWords(garbage),
        ...(nodes.length === 0 ? [] : ["", nodeTable(nodes)]),
        ...badCopiesWords(nodes),
        ...(alarms.length === 0 ? [] : ["", ...alarms.map((alarm) => `! ${alarm}`)]),
      ];
      output.row(
        { clusterId, mapVersion, quorum, state, files, bytes, nodes, alarms, waitingFor, rebalance, garbage },
        words.join("\n"),
      );
      return Exit.DONE;
    });
  }
}
