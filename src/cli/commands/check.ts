import { Command, Option } from "clipanion";
import { codeOf, Exit, messageOf, QdfsError } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import type { RecordedListing, RecordedOperation } from "../../check/history.ts";
import { parseHistoryLine } from "../../check/history-file.ts";
import { judge } from "../../check/judge.ts";
import { judgementLines } from "../../check/words.ts";
import { CHECK_LINES_MAX } from "../../tool-limits.ts";
import { QdfsCommand } from "../base-command.ts";
import { readLines } from "../line-file.ts";
import type { Output } from "../output.ts";
import { failureOf } from "../verdict.ts";

export class CheckCommand extends QdfsCommand {
  static override paths = [["check"]];
  static override usage = Command.Usage({
    details: `
      Judges a history as \`qdfs bench --history FILE\` writes it, from this cluster or another: whether for each file some order of its operations,
      which keeps to the times of their calls and returns, explains all their answers (they are linearizable). The verdict is ok; violated, with the fewest operations
      of a file that contradict each other (exit code 11); or unknown, where there are too many orders to try (exit code 6).

      Each line is a JSON object: client, kind (put, get, rm or restore), path, version, valueId, callNs, returnNs, outcome (ok, fail or unknown). Versions and value ids may be
      null. An operation of unknown outcome has a returnNs of null and may take effect at any later time, or never; one that failed must leave no trace. Where they apply: precondition ({"absent":true} or {"version":3}),
      of (the version that a get or restore asked for), refusal (exists, version-differs or not-found; the outcome is fail), guarantee (linearizable, early-ack or eventual; an eventual read is not
      judged, an early acknowledgement is taken as an unknown outcome). A line of kind ls has path, callNs, returnNs and entries, each with path and version; it lists all files under its path.
      The files must not have been there before.
    `,
    examples: [
      ["Record a run, judge it elsewhere", "$0 bench --mix balanced --history run.ndjson"],
      ["… and there", "$0 check run.ndjson"],
    ],
  });

  readonly tombstonesErased = Option.Boolean("--tombstones-erased", false, {
    description: "the run outlasted the grace time of deleted files, after which their versions begin at 1 again",
  });
  readonly file = Option.String({ name: "FILE" });

  override async run(output: Output): Promise<Exit> {
    const { operations, listings } = await readHistory(this.file);
    const judgement = judge(operations, listings, { tombstonesErased: this.tombstonesErased });
    output.row(judgement, judgementLines(judgement).join("\n"));
    const failure = failureOf(judgement);
    if (failure !== undefined) throw failure;
    return Exit.DONE;
  }
}

interface History {
  readonly operations: RecordedOperation[];
  readonly listings: RecordedListing[];
}

/** @throws QdfsError LOCAL_FILE; BAD_USAGE with the number of the line that is no operation */
async function readHistory(file: string): Promise<History> {
  const history: History = { operations: [], listings: [] };
  let number = 0;
  try {
    for await (const line of readLines(file)) {
      number++;
      if (number > CHECK_LINES_MAX) throw new QdfsError("BAD_USAGE", `more than ${formatCount(CHECK_LINES_MAX)} lines`);
      if (line.trim() === "") continue;
      const recorded = parseHistoryLine(line);
      if (recorded.kind === "ls") history.listings.push(recorded);
      else history.operations.push(recorded);
    }
  } catch (error) {
    if (codeOf(error) === "BAD_USAGE") throw new QdfsError("BAD_USAGE", `${file}, line ${number}: ${messageOf(error)}`);
    throw error;
  }
  if (history.operations.length + history.listings.length === 0)
    throw new QdfsError("BAD_USAGE", `${file} holds no operation: there is nothing to judge`);
  return history;
}
