import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseDirectoryPath, parseFilePath, ROOT } from "../../base/path.ts";
import { formatDuration, formatSize, parseCount } from "../../base/units.ts";
import type { ListEntry } from "../../wire/messages.ts";
import { ClientCommand } from "../base-command.ts";
import { parseConsistency } from "../options.ts";
import { humanTime, isoTime, type Output, sayIncomplete } from "../output.ts";

export class LsCommand extends ClientCommand {
  static override paths = [["ls"]];
  static override usage = Command.Usage({
    details: `Lists files and directories under PREFIX (default: /) in byte order of path. Every put that had returned is listed; where the SuperNode
      cannot vouch for that it says what may be missing, on stderr.`,
    examples: [
      ["What is at the top", "$0 ls"],
      ["Everything under a directory, with sizes", "$0 ls -lr /photos"],
      ["What DataNode dn-2 holds", "$0 ls -r --node dn-2"],
      ["The next page", "$0 ls -r /photos --limit 100 --after /photos/img-0099.jpg"],
    ],
  });

  readonly long = Option.Boolean("-l,--long", false, { description: "with size, version and modification time" });
  readonly recursive = Option.Boolean("-r,--recursive", false, { description: "every file below, not only this directory" });
  readonly node = Option.String("--node", { description: "ID only files that this DataNode holds, as in dn-2" });
  readonly limit = Option.String("--limit", { description: "K at most K entries" });
  readonly after = Option.String("--after", { description: "PATH only entries after this one" });
  readonly consistency = Option.String("--consistency", {
    description: "LEVEL strong (default) or eventual: do not wait for the DataNodes' latest changes",
  });
  readonly prefix = Option.String({ name: "PREFIX", required: false });

  override async run(output: Output): Promise<Exit> {
    const prefix = parseDirectoryPath(this.prefix ?? "/");
    const options = {
      recursive: this.recursive,
      node: this.node,
      limit: this.limit === undefined ? undefined : parseCount(this.limit, "--limit", 1),
      after: this.after === undefined ? undefined : parseFilePath(this.after),
      eventual: parseConsistency(this.consistency) === "eventual",
    };
    return await this.withClient(async (client) => {
      let listed = 0;
      const listing = client.list(prefix, options);
      for await (const entry of listing) {
        output.row(rowOf(entry), this.long ? longLine(entry) : name(entry));
        listed += 1;
        if (listed % 100 === 0) await output.drained();
      }
      sayIncomplete(output, listing);
      if (options.eventual) output.notice(`this listing may be ${formatDuration(listing.ageMs)} old`);
      if (listed === 0 && prefix !== ROOT && options.after === undefined) output.notice(`there is nothing under ${prefix}`);
      return Exit.DONE;
    });
  }
}

function rowOf(entry: ListEntry): object {
  const { path, directory, sizeBytes, version, modifiedAtMs } = entry;
  return {
    path,
    type: directory ? "dir" : "file",
    sizeBytes,
    version: directory ? null : version,
    modifiedAt: isoTime(modifiedAtMs),
  };
}

function name(entry: ListEntry): string {
  return entry.directory ? `${entry.path}/` : entry.path;
}

function longLine(entry: ListEntry): string {
  const size = entry.directory ? "-" : formatSize(entry.sizeBytes);
  const version = entry.directory ? "" : `@${entry.version}`;
  return `${size.padStart(10)}  ${version.padStart(5)}  ${humanTime(entry.modifiedAtMs).padEnd(20)}  ${name(entry)}`;
}
