import { Command } from "clipanion";
import type { Path } from "../../base/ids.ts";
import type { Client } from "../../client/connect.ts";
import { TwoPathsCommand } from "../two-paths-command.ts";

export class MvCommand extends TwoPathsCommand {
  static override paths = [["mv"]];
  static override usage = Command.Usage({
    details: `Copies A to B, then deletes A if it has not changed in between. When the client is killed half way, both are there, never neither.
      A target that ends with / or is a directory keeps the name.`,
    examples: [
      ["Another name", "$0 mv /draft.txt /final.txt"],
      ["Another directory", "$0 mv /final.txt /archive/"],
    ],
  });

  protected override async carry(client: Client, from: Path, to: Path, by: string) {
    return await client.move(from, to, { by });
  }
}
