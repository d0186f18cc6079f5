import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { baseName, parseFilePath } from "../../base/path.ts";
import { author, ClientCommand } from "../base-command.ts";
import type { Output } from "../output.ts";
import { parseTarget, resolveTarget } from "../targets.ts";

export class MvCommand extends ClientCommand {
  static override paths = [["mv"]];
  static override usage = Command.Usage({
    details: `Copies A to B, then deletes A if it has not changed in between. When the client is killed half way, both are there, never neither.
      A target that ends with / or is a directory keeps the name.`,
    examples: [
      ["Another name", "$0 mv /draft.txt /final.txt"],
      ["Another directory", "$0 mv /final.txt /archive/"],
    ],
  });

  readonly from = Option.String({ name: "A" });
  readonly to = Option.String({ name: "B" });

  protected override readonly mutates = true;

  override async run(output: Output): Promise<Exit> {
    const from = parseFilePath(this.from);
    const target = parseTarget(this.to);
    return await this.withClient(async (client) => {
      const to = await resolveTarget(client, output, target, baseName(from));
      const { path, version } = await client.move(from, to, { by: author() });
      output.row({ path, version, from }, `${from} → ${path}@${version}`);
      return Exit.DONE;
    });
  }
}
