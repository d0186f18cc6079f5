import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseFilePath } from "../../base/path.ts";
import { formatSize } from "../../base/units.ts";
import { ClientCommand } from "../base-command.ts";
import { humanTime, isoTime, type Output, table } from "../output.ts";

export class VersionsCommand extends ClientCommand {
  static override paths = [["versions"]];
  static override usage = Command.Usage({
    details:
      "Lists the kept versions of a file, newest first. `qdfs get PATH@V FILE` fetches one, `qdfs restore PATH@V` makes it current.",
    examples: [["A file's versions", "$0 versions /notes.txt"]],
  });

  readonly remote = Option.String({ name: "PATH" });

  override async run(output: Output): Promise<Exit> {
    const path = parseFilePath(this.remote);
    return await this.withClient(async (client) => {
      const versions = await client.versions(path);
      for (const { version, sizeBytes, modifiedAtMs, tombstone, by } of versions) {
        output.row({ path, version, sizeBytes, modifiedAt: isoTime(modifiedAtMs), deleted: tombstone, by });
      }
      if (output.options.json) return Exit.DONE;
      const words = table(versions, [
        { title: "version", cell: ({ version }) => `@${version}`, right: true },
        { title: "size", cell: ({ tombstone, sizeBytes }) => (tombstone ? "deleted" : formatSize(sizeBytes)), right: true },
        { title: "modified", cell: ({ modifiedAtMs }) => humanTime(modifiedAtMs) },
        { title: "by", cell: ({ by }) => by },
      ]);
      output.text(words);
      return Exit.DONE;
    });
  }
}
