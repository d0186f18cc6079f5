import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { parseFilePath } from "../../base/path.ts";
import { formatCount, formatDuration } from "../../base/units.ts";
import type { Explanation } from "../../client/types.ts";
import { ClientCommand } from "../base-command.ts";
import { type Output, table } from "../output.ts";

export class ExplainCommand extends ClientCommand {
  static override paths = [["explain"]];
  static override usage = Command.Usage({
    details: `Shows how a get or a put of PATH goes: its partition, its replicas and what each holds, whom the client asks and in which order, and why.
      \`explain get\` does the read; \`explain put\` writes nothing.`,
    examples: [
      ["Why is this file slow to read?", "$0 explain get /photos/1.jpg"],
      ["Who would coordinate this put?", "$0 explain put /photos/1.jpg"],
    ],
  });

  readonly operation = Option.String({ name: "get|put" });
  readonly remote = Option.String({ name: "PATH" });

  override async run(output: Output): Promise<Exit> {
    const { operation } = this;
    if (operation !== "get" && operation !== "put") {
      throw new QdfsError("BAD_USAGE", `explain takes get or put, not ${JSON.stringify(operation)}`);
    }
    const path = parseFilePath(this.remote);
    return await this.withClient(async (client) => {
      const explanation = await client.explain(operation, path);
      output.row(explanation, words(explanation));
      return Exit.DONE;
    });
  }
}

function words(explanation: Explanation): string {
  const { operation, path, partition, configuration, joint, quorum, mapVersion, replicas, steps, failure } = explanation;
  return [
    `${operation} ${path}: partition ${partition}, configuration ${configuration}${joint ? " (joint)" : ""}, map version ${mapVersion}, n=${quorum.n} w=${quorum.w} r=${quorum.r}`,
    "",
    table(replicas, [
      { title: "replica", cell: (replica) => replica.node },
      { title: "address", cell: (replica) => replica.address },
      { title: "state", cell: (replica) => `${replica.state}, ${replica.session}` },
      { title: "probe", cell: ({ probeMs }) => (probeMs === undefined ? "no answer" : formatDuration(probeMs)), right: true },
      {
        title: "ops/s",
        cell: ({ opsPerSec }) => (opsPerSec === undefined ? "-" : formatCount(Math.round(opsPerSec))),
        right: true,
      },
      { title: "holds", cell: ({ holds }) => (holds.version === 0 ? holds.state : `@${holds.version}, ${holds.state}`) },
    ]),
    "",
    ...steps.map((step, index) => `${index + 1}. ${step}`),
    ...(failure === undefined ? [] : [`! ${failure}`]),
  ].join("\n");
}
