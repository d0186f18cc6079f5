import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { parseVersionedPath } from "../../base/path.ts";
import { ClientCommand } from "../base-command.ts";
import { consistencyFlag, parseConsistency } from "../options.ts";
import type { Output } from "../output.ts";
import { Tally } from "../tally.ts";

export class CatCommand extends ClientCommand {
  static override paths = [["cat"]];
  static override usage = Command.Usage({
    details:
      "Writes the files to standard output, one after the other. One that fails is reported, and the others are written all the same.",
    examples: [
      ["A file", "$0 cat /hello.txt"],
      ["Two versions of it", "$0 cat /hello.txt@1 /hello.txt@2"],
    ],
  });

  readonly consistency = consistencyFlag();
  readonly files = Option.Rest({ name: "PATH[@V]", required: 1 });

  override async run(output: Output): Promise<Exit> {
    const wanted = this.files.map(parseVersionedPath);
    const consistency = parseConsistency(this.consistency);
    return await this.withClient(async (client) => {
      const write = async (file: (typeof wanted)[number]) => {
        const { passingBody } = await client.get(file.path, { version: file.version, consistency });
        for await (const piece of passingBody) await output.bytes(piece);
      };
      const [only] = wanted;
      if (wanted.length === 1 && only !== undefined) {
        await write(only);
        return Exit.DONE;
      }
      const tally = new Tally(output);
      for (const file of wanted) await tally.attempt(file.path, () => write(file));
      return tally.finish();
    });
  }
}
