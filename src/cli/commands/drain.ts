import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { nodeName } from "../../base/ids.ts";
import { LeaveStep } from "../../wire/leave-messages.ts";
import { Standing } from "../../wire/messages.ts";
import { ClientCommand } from "../base-command.ts";
import { leaveRow, nodeNamed, planWords, untilEmpty } from "../leave.ts";
import type { Output } from "../output.ts";

export class DrainCommand extends ClientCommand {
  static override paths = [["drain"]];
  static override usage = Command.Usage({
    details: `Moves everything off a DataNode, which goes on serving meanwhile, and waits until it holds nothing. Then it can be removed. Files stay
      readable and writable throughout, and every one keeps its n copies: a drain that would leave fewer than n DataNodes is refused.

      The cluster does the work: it goes on when this command is interrupted, over restarts of anything, and the same command waits for it again.
      \`qdfs nodes\` shows how much is left. --cancel gives the node its share back; what was moved before moves back.`,
    examples: [
      ["What would be moved, and how long it may take", "$0 drain dn-2 --dry-run"],
      ["Move everything off it", "$0 drain dn-2"],
      ["Begin and do not wait", "$0 drain dn-2 --no-wait"],
      ["Let it stay after all", "$0 drain dn-2 --cancel"],
    ],
  });

  readonly node = Option.String({ name: "NODE" });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "show the plan and do nothing" });
  readonly cancel = Option.Boolean("--cancel", false, { description: "let the node stay: it gets its share back" });
  readonly noWait = Option.Boolean("--no-wait", false, { description: "begin, and do not wait for the end" });

  override async run(output: Output): Promise<Exit> {
    const number = nodeNamed(this.node);
    const name = nodeName(number);
    const step = this.cancel ? LeaveStep.CANCEL : LeaveStep.DRAIN;
    if (this.cancel && this.noWait) throw new QdfsError("BAD_USAGE", "--cancel does not wait anyway");
    return await this.withClient(async (client) => {
      const reply = await client.leave({ node: number, step, dryRun: this.dryRun, acceptLoss: false });
      const row = leaveRow(number, this.dryRun, reply);
      const plan = `${name}: ${planWords(row)}`;
      if (this.dryRun || this.cancel || this.noWait) {
        const drained = !this.cancel && !this.dryRun && row.partitions === 0;
        output.row({ ...row, state: this.cancel ? "staying" : drained ? "drained" : "draining" }, plan);
        return Exit.DONE;
      }
      output.notice(plan);
      const { mapVersion } = await untilEmpty(client, output, number, Standing.DRAINING);
      output.row({ ...row, state: "drained", mapVersion }, `${name} holds nothing any more; qdfs remove ${name} takes it out`);
      return Exit.DONE;
    });
  }
}
