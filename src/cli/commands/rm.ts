import { Command, Option } from "clipanion";
import { codeOf, Exit, QdfsError } from "../../base/errors.ts";
import { parseDirectoryPath, parseFilePath } from "../../base/path.ts";
import { formatFiles } from "../../base/units.ts";
import { FILES_IN_FLIGHT } from "../../limits.ts";
import { author, ClientCommand } from "../base-command.ts";
import { type Output, sayIncomplete } from "../output.ts";
import { inParallel } from "../parallel.ts";
import { Tally } from "../tally.ts";
import { parseVersionCondition } from "../version-condition.ts";

export class RmCommand extends ClientCommand {
  static override paths = [["rm"]];
  static override usage = Command.Usage({
    details:
      "Deletes a file. Its versions stay in the trash for a while: `qdfs trash` lists them, `qdfs restore PATH@V` brings one back.",
    examples: [
      ["A file", "$0 rm /draft.txt"],
      ["A tree", "$0 rm -r /photos"],
    ],
  });

  readonly recursive = Option.Boolean("-r,--recursive", false, { description: "delete every file under PATH" });
  readonly ifVersion = Option.String("--if-version", {
    description: "V only if the current version is V (or V#OPERATION, as stat shows it)",
  });
  readonly remote = Option.String({ name: "PATH" });

  protected override readonly mutates = true;

  override async run(output: Output): Promise<Exit> {
    if (this.recursive) return await this.removeTree(output);
    const path = parseFilePath(this.remote);
    const ifVersion = parseVersionCondition(this.ifVersion);
    return await this.withClient(async (client) => {
      const { version } = await client.remove(path, { ifVersion, by: author() });
      output.row({ path, version }, `${path}@${version} deleted`);
      return Exit.DONE;
    });
  }

  private async removeTree(output: Output): Promise<Exit> {
    if (this.ifVersion !== undefined) throw new QdfsError("BAD_USAGE", "-r takes no --if-version");
    if (this.remote === "") parseFilePath(this.remote);
    const directory = parseDirectoryPath(this.remote);
    return await this.withClient(async (client) => {
      const tally = new Tally(output);
      const by = author();
      const listing = client.list(directory, { recursive: true });
      await inParallel(
        listing,
        { count: FILES_IN_FLIGHT, weight: FILES_IN_FLIGHT },
        () => 1,
        async (entry) => {
          if (entry.directory) return;
          await tally.attempt(entry.path, async () => {
            try {
              const { path, version } = await client.remove(entry.path, { by });
              output.row({ path, version });
            } catch (error) {
              // Somebody else was faster: it is as gone as was asked for.
              if (codeOf(error) !== "NOT_FOUND") throw error;
            }
          });
        },
      );
      sayIncomplete(output, listing);
      if (tally.done + tally.failed === 0)
        throw new QdfsError("NOT_FOUND", `there is nothing under ${directory}`, { path: directory });
      output.notice(`${formatFiles(tally.done)} deleted`);
      return tally.finish();
    });
  }
}
