import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { baseName, parseFilePath } from "../../base/path.ts";
import { author, ClientCommand } from "../base-command.ts";
import type { Output } from "../output.ts";
import { parseTarget, resolveTarget } from "../targets.ts";

export class CpCommand extends ClientCommand {
  static override paths = [["cp"]];
  static override usage = Command.Usage({
    details:
      "Copies the current version of A to B, as a new version of B. A target that ends with / or is a directory keeps the name.",
    examples: [
      ["Another name", "$0 cp /report.pdf /report-2024.pdf"],
      ["Another directory", "$0 cp /report.pdf /archive/"],
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
      const { path, version } = await client.copy(from, to, { by: author() });
      output.row({ path, version, from }, `${from} → ${path}@${version}`);
      return Exit.DONE;
    });
  }
}
