import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Exit } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import { ClientCommand } from "../base-command.ts";
import { replaceFile } from "../local-file.ts";
import type { Output } from "../output.ts";

export class BackupCommand extends ClientCommand {
  static override paths = [["backup"]];
  static override usage = Command.Usage({
    details: `Writes what the SuperNode must not forget, the cluster map and the numbers of DataNodes, to a file, while everything goes on. A file that is there
      is replaced whole or not at all. The catalogue is not in it: the DataNodes' change logs bring it back, and the map too, mostly (\`qdfs help supernode\`,
      --recover-from); a backup spares remembering where the DataNodes are. Files are not in it either: they are on the DataNodes, W copies each.`,
    examples: [
      ["Every night, say", "$0 backup /backups/qdfs-super.db"],
      ["What it says to a script", "$0 backup super.db --json"],
    ],
  });

  readonly file = Option.String({ name: "FILE" });

  override async run(output: Output): Promise<Exit> {
    const file = resolve(this.file);
    const { file: bytes, clusterId, generation, mapVersion, nodes } = await this.withClient((client) => client.backup());
    replaceFile(file, bytes);
    const sizeBytes = bytes.byteLength;
    output.row(
      { file, clusterId, generation, mapVersion, nodes, sizeBytes },
      `${file}: ${formatSize(sizeBytes)}, the map ${generation}.${mapVersion} of cluster ${clusterId} with ${nodes} DataNodes`,
    );
    return Exit.DONE;
  }
}
