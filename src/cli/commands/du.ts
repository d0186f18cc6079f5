import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseDirectoryPath } from "../../base/path.ts";
import { formatFiles, formatSize } from "../../base/units.ts";
import { ClientCommand } from "../base-command.ts";
import { type Output, sayIncomplete } from "../output.ts";

export class DuCommand extends ClientCommand {
  static override paths = [["du"]];
  static override usage = Command.Usage({
    details:
      "Counts the files under PREFIX (default: /) and their bytes, once as users see them and once as stored, with every copy.",
    examples: [
      ["Everything", "$0 du"],
      ["One directory", "$0 du /photos"],
    ],
  });

  readonly prefix = Option.String({ name: "PREFIX", required: false });

  override async run(output: Output): Promise<Exit> {
    const path = parseDirectoryPath(this.prefix ?? "/");
    return await this.withClient(async (client) => {
      const { files, sizeBytes, storedBytes, incomplete } = await client.usage(path);
      sayIncomplete(output, { incomplete });
      const words = `${path}  ${formatFiles(files)}  ${formatSize(sizeBytes)}  (${formatSize(storedBytes)} stored)`;
      output.row({ path, files, sizeBytes, storedBytes }, words);
      return Exit.DONE;
    });
  }
}
