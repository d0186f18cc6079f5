/** What `cp` and `mv` share: from A to B, where B may be a directory. */
import { Option } from "clipanion";
import { Exit } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { baseName, parseFilePath } from "../base/path.ts";
import type { Client } from "../client/connect.ts";
import { author, ClientCommand } from "./base-command.ts";
import type { Output } from "./output.ts";
import { parseTarget, resolveTarget } from "./targets.ts";

export abstract class TwoPathsCommand extends ClientCommand {
  readonly from = Option.String({ name: "A" });
  readonly to = Option.String({ name: "B" });

  protected override readonly mutates = true;

  /** Does it, and tells the version that B has then. */
  protected abstract carry(client: Client, from: Path, to: Path, by: string): Promise<{ path: string; version: number }>;

  override async run(output: Output): Promise<Exit> {
    const from = parseFilePath(this.from);
    const target = parseTarget(this.to);
    return await this.withClient(async (client) => {
      const to = await resolveTarget(client, output, target, baseName(from));
      const { path, version } = await this.carry(client, from, to, author());
      output.row({ path, version, from }, `${from} → ${path}@${version}`);
      return Exit.DONE;
    });
  }
}
