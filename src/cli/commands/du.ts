import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseDirectoryPath } from "../../base/path.ts";
import { formatFiles, formatSize } from "../../base/units.ts";
import { ClientCommand } from "../base-command.ts";
import { type Output, sayIncomplete } from "../output.ts";

export class DuCommand extends ClientCommand {
  static override paths = [["du"]];
  static override usage = Command.Usage({
    details: `Counts the files under PREFIX (default: /) and their bytes, once as users see them and once as stored, with every copy.

      --reclaimable adds what of it is kept for a while only, or is about to be freed, and why: old versions, the trash, and, for all of the
      cluster, chunks that no version names (of clients that died in a put, of versions that were dropped).`,
    examples: [
      ["Everything", "$0 du"],
      ["One directory", "$0 du /photos"],
      ["What could be freed", "$0 du --reclaimable"],
    ],
  });

  readonly prefix = Option.String({ name: "PREFIX", required: false });

  readonly reclaimable = Option.Boolean("--reclaimable", false, {
    description: "also say what is kept for a while only, or about to be freed",
  });

  override async run(output: Output): Promise<Exit> {
    const path = parseDirectoryPath(this.prefix ?? "/");
    return await this.withClient(async (client) => {
      const usage = await client.usage(path, { reclaimable: this.reclaimable });
      const { files, sizeBytes, storedBytes, incomplete } = usage;
      sayIncomplete(output, { incomplete });
      const words = `${path}  ${formatFiles(files)}  ${formatSize(sizeBytes)}  (${formatSize(storedBytes)} stored)`;
      if (!this.reclaimable) {
        output.row({ path, files, sizeBytes, storedBytes }, words);
        return Exit.DONE;
      }
      const reclaimable = (usage.reclaimable ?? []).map(({ why, count, sizeBytes: bytes, when }) => ({
        why,
        count,
        sizeBytes: bytes,
        when,
      }));
      const lines = reclaimable.map(
        ({ why, count, sizeBytes: bytes, when }) => `  ${why.padEnd(14)} ${formatSize(bytes).padStart(10)}  ${count}  ${when}`,
      );
      output.row({ path, files, sizeBytes, storedBytes, reclaimable }, [words, ...lines].join("\n"));
      return Exit.DONE;
    });
  }
}
