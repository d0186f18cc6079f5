import { Command, Option } from "clipanion";
import { Exit, QdfsError } from "../../base/errors.ts";
import { QdfsCommand } from "../base-command.ts";
import { commandHelp, TOPICS } from "../help.ts";
import type { Output } from "../output.ts";
import { findVerb } from "../verbs.ts";

export class HelpCommand extends QdfsCommand {
  static override paths = [["help"]];
  static override usage = Command.Usage({
    examples: [
      ["Flags and examples of a command", "$0 help put"],
      ["What is promised", "$0 help consistency"],
      ["Exit codes and error codes", "$0 help exit-codes"],
    ],
  });

  readonly topic = Option.String({ name: "COMMAND|TOPIC" });

  override async run(output: Output): Promise<Exit> {
    const verb = findVerb(this.topic);
    const text = verb === undefined ? TOPICS.get(this.topic)?.() : await commandHelp(verb);
    if (text === undefined) {
      throw new QdfsError("BAD_USAGE", `there is no help on ${JSON.stringify(this.topic)}`, {
        hint: `\`qdfs help\` lists the commands; topics: ${[...TOPICS.keys()].join(", ")}`,
      });
    }
    output.text(text);
    return Exit.DONE;
  }
}
