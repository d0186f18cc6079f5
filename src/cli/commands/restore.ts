import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { parseVersionedPath } from "../../base/path.ts";
import { author, ClientCommand } from "../base-command.ts";
import { isoTime, type Output } from "../output.ts";

export class RestoreCommand extends ClientCommand {
  static override paths = [["restore"]];
  static override usage = Command.Usage({
    details:
      "Makes an earlier version the current one again, as a new version: nothing is lost. Also brings back a deleted file.",
    examples: [
      ["See what there is", "$0 versions /notes.txt"],
      ["Bring the first version back", "$0 restore /notes.txt@1"],
    ],
  });

  readonly remote = Option.String({ name: "PATH@V" });

  protected override readonly mutates = true;

  override async run(output: Output): Promise<Exit> {
    const { path, version } = parseVersionedPath(this.remote);
    if (version === 0) {
      throw new QdfsError("BAD_USAGE", `which version of ${path}? Write ${path}@V`, {
        hint: `\`qdfs versions ${path}\` lists them`,
      });
    }
    return await this.withClient(async (client) => {
      const result = await client.restore(path, version, { by: author() });
      const made = (await client.versions(path)).find((candidate) => candidate.version === result.version);
      output.row(
        {
          path: result.path,
          version: result.version,
          restored: version,
          // Left out when others have overwritten it so often meanwhile that it is not kept any more.
          ...(made && {
            sizeBytes: made.sizeBytes,
            modifiedAt: isoTime(made.modifiedAtMs),
            deleted: made.tombstone,
            by: made.by,
          }),
        },
        `${path}@${version} → ${path}@${result.version}`,
      );
      return Exit.DONE;
    });
  }
}
