import { Command } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { ClientCommand } from "../base-command.ts";
import { nodeRow, nodeTable } from "../cluster-rows.ts";
import type { Output } from "../output.ts";

export class NodesCommand extends ClientCommand {
  static override paths = [["nodes"]];
  static override usage = Command.Usage({
    details: "Lists the DataNodes. `leads` counts the partitions whose home a node is.",
    examples: [
      ["All DataNodes", "$0 nodes"],
      ["For scripts, one line each", "$0 nodes --json"],
    ],
  });

  override async run(output: Output): Promise<Exit> {
    return await this.withClient(async (client) => {
      const { nodes } = await client.status();
      const rows = nodes.map(nodeRow);
      for (const row of rows) output.row(row);
      if (!output.options.json) output.text(rows.length === 0 ? "no DataNode has joined yet" : nodeTable(rows));
      return Exit.DONE;
    });
  }
}
