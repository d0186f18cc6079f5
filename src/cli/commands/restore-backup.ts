import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { QdfsCommand } from "../base-command.ts";
import type { Output } from "../output.ts";

export class RestoreBackupCommand extends QdfsCommand {
  static override paths = [["restore-backup"]];
  static override usage = Command.Usage({
    details: `Puts what \`qdfs backup\` wrote into an empty directory, for a SuperNode whose own is lost. A backup is older than what happened since, so nothing goes on from it
      as it is: the SuperNode that is started there first asks the DataNodes for their newest map and opens a new generation, as with --recover-from (\`qdfs help supernode\`).
      DataNodes that joined since, and their numbers, are found in that way. If the DataNodes have moved since, say where some of them are with --recover-from.`,
    examples: [
      ["Put it back", "$0 restore-backup /backups/qdfs-super.db --data ./super-2"],
      ["… and start the SuperNode", "$0 supernode --port 7000 --data ./super-2"],
    ],
  });

  readonly data = Option.String("--data", { description: "DIR of the SuperNode that is to be; made if missing, else empty" });
  readonly file = Option.String({ name: "FILE" });

  override async run(output: Output): Promise<Exit> {
    if (this.data === undefined || this.data === "")
      throw new QdfsError("BAD_USAGE", "--data DIR is needed: where the SuperNode is to keep its data");
    const [file, dataDir] = [resolve(this.file), resolve(this.data)];
    const [{ restoreBackup }, { realRuntime }] = await Promise.all([
      import("../../storage/backup-file.ts"),
      import("../../runtime/runtime.ts"),
    ]);
    const { map } = restoreBackup(file, dataDir, realRuntime("warn").random);
    const { clusterId, generation, version: mapVersion, nodes } = map;
    output.row(
      { dataDir, clusterId, generation, mapVersion, nodes: nodes.length },
      `${dataDir} holds the map ${generation}.${mapVersion} of cluster ${clusterId} with ${nodes.length} DataNodes; it is completed by them when you start\n  qdfs supernode --data ${dataDir}`,
    );
    return Exit.DONE;
  }
}
