import { Command } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { ClientCommand } from "../base-command.ts";
import { nodeRow, nodeTable, rebalanceWords } from "../cluster-rows.ts";
import type { Output } from "../output.ts";

export class NodesCommand extends ClientCommand {
  static override paths = [["nodes"]];
  static override usage = Command.Usage({
    details: `Lists the DataNodes. \`leads\` counts the partitions whose writes go to a node: the first of their replicas that is up. \`phi\` is how
      much a node is suspected: of 10^phi silences like its present one, one ends by itself (2: suspect, 8: down). \`flaps\` is how often it vanished
      lately; from the third time on it is held back until it has been steady for a while: it serves, and others are preferred.`,
    examples: [
      ["All DataNodes", "$0 nodes"],
      ["For scripts, one line each", "$0 nodes --json"],
    ],
  });

  override async run(output: Output): Promise<Exit> {
    return await this.withClient(async (client) => {
      const { nodes, rebalance } = await client.status();
      const rows = nodes.map(nodeRow);
      for (const row of rows) output.row(row);
      if (!output.options.json) output.text(rows.length === 0 ? "no DataNode has joined yet" : nodeTable(rows));
      if (rebalance !== null) output.notice(rebalanceWords(rebalance).join("\n"));
      return Exit.DONE;
    });
  }
}
