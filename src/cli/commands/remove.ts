import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { nodeName } from "../../base/ids.ts";
import { formatCount } from "../../base/units.ts";
import { LeaveStep } from "../../wire/leave-messages.ts";
import { Standing } from "../../wire/messages.ts";
import { ClientCommand } from "../base-command.ts";
import { leaveRow, nodeNamed, planWords, untilEmpty } from "../leave.ts";
import type { Output } from "../output.ts";

export class RemoveCommand extends ClientCommand {
  static override paths = [["remove"]];
  static override usage = Command.Usage({
    details: `Takes a DataNode that holds nothing (\`qdfs drain\`) out of the cluster, for good: its name and its disk are refused from then on. The
      same machine may join again with an empty data directory, as a new DataNode.

      --dead NODE is for one that will never come back. You vouch for that: it must not run anywhere any more, nor ever again with that
      disk, for the cluster goes on as if it could not answer. Other DataNodes get its share, from the copies that are left; the command waits for
      that. It cannot be cancelled. Where as many replicas are dead as a write waits for (w=1: one), writes may have been acknowledged that no
      other replica has: the command says how many partitions that concerns, and needs --accept-loss.`,
    examples: [
      ["Take a drained DataNode out", "$0 remove dn-2"],
      ["What giving up a dead one means", "$0 remove --dead dn-3 --dry-run"],
      ["Replace a dead one", "$0 remove --dead dn-3"],
    ],
  });

  readonly node = Option.String({ name: "NODE" });
  readonly dead = Option.Boolean("--dead", false, { description: "it will never come back: others take its place" });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "show the plan and do nothing" });
  readonly acceptLoss = Option.Boolean("--accept-loss", false, {
    description: "with --dead: go on although acknowledged writes may be lost",
  });
  readonly noWait = Option.Boolean("--no-wait", false, { description: "with --dead: begin, and do not wait for the end" });

  override async run(output: Output): Promise<Exit> {
    const number = nodeNamed(this.node);
    const name = nodeName(number);
    const step = this.dead ? LeaveStep.REMOVE_DEAD : LeaveStep.REMOVE;
    if (!this.dead && (this.acceptLoss || this.noWait))
      throw new QdfsError("BAD_USAGE", "--accept-loss and --no-wait go with --dead");
    return await this.withClient(async (client) => {
      const reply = await client.leave({ node: number, step, dryRun: this.dryRun, acceptLoss: this.acceptLoss });
      const row = { ...leaveRow(number, this.dryRun, reply), dead: this.dead, losingPartitions: reply.losing };
      const loss = reply.losing === 0 ? "" : `; in ${formatCount(reply.losing)} partitions acknowledged writes may be lost`;
      const plan = `${name}: ${planWords(row)}${loss}`;
      if (this.dryRun || (this.dead && this.noWait)) {
        output.row({ ...row, state: this.dryRun ? "planned" : "removing" }, plan);
        return Exit.DONE;
      }
      if (this.dead) output.notice(plan);
      if (this.dead) await untilEmpty(client, output, number, Standing.DEAD);
      output.row({ ...row, state: "removed" }, `${name} was removed`);
      return Exit.DONE;
    });
  }
}
