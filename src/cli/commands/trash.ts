import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseDirectoryPath } from "../../base/path.ts";
import { formatSize } from "../../base/units.ts";
import { ClientCommand } from "../base-command.ts";
import { humanTime, isoTime, type Output, sayIncomplete } from "../output.ts";

export class TrashCommand extends ClientCommand {
  static override paths = [["trash"]];
  static override usage = Command.Usage({
    details:
      "Lists deleted files under PREFIX (default: /) whose versions are still kept. `qdfs versions PATH` shows which, `qdfs restore PATH@V` brings one back.",
    examples: [
      ["Everything deleted", "$0 trash"],
      ["Bring one back", "$0 restore /draft.txt@3"],
    ],
  });

  readonly prefix = Option.String({ name: "PREFIX", required: false });

  override async run(output: Output): Promise<Exit> {
    const prefix = parseDirectoryPath(this.prefix ?? "/");
    return await this.withClient(async (client) => {
      let listed = 0;
      const listing = client.trash(prefix);
      for await (const { path, version, sizeBytes, modifiedAtMs, writtenAtMs, by } of listing) {
        const row = {
          path,
          version,
          sizeBytes,
          modifiedAt: isoTime(modifiedAtMs),
          deletedAt: isoTime(writtenAtMs),
          deleted: true,
          by,
        };
        output.row(
          row,
          `${formatSize(sizeBytes).padStart(10)}  ${`@${version}`.padStart(5)}  deleted ${humanTime(writtenAtMs)}  ${path}`,
        );
        listed += 1;
        if (listed % 100 === 0) await output.drained();
      }
      sayIncomplete(output, listing);
      return Exit.DONE;
    });
  }
}
