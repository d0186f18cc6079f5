import { Command } from "clipanion";
import type { Path } from "../../base/ids.ts";
import type { Client } from "../../client/connect.ts";
import { TwoPathsCommand } from "../two-paths-command.ts";

export class CpCommand extends TwoPathsCommand {
  static override paths = [["cp"]];
  static override usage = Command.Usage({
    details:
      "Copies the current version of A to B, as a new version of B. A target that ends with / or is a directory keeps the name.",
    examples: [
      ["Another name", "$0 cp /report.pdf /report-2024.pdf"],
      ["Another directory", "$0 cp /report.pdf /archive/"],
    ],
  });

  protected override async carry(client: Client, from: Path, to: Path, by: string) {
    return await client.copy(from, to, { by });
  }
}
