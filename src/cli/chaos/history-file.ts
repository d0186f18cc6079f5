/** The history of a run as a file, judged once more. */
import { readFileSync } from "node:fs";
import { Exit } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { failedAndSeen, isOperation, violationWords } from "../../chaos/judge.ts";
import type { Recorded } from "../../chaos/round.ts";
import { parseHistoryLine } from "../../check/history-line.ts";
import { checkHistory } from "../../check/linearizability.ts";
import { asLocalFailure } from "../local-failure.ts";
import type { Output } from "../output.ts";

export const HISTORY_FILE = "history.ndjson";

/** Prints the verdict, directory by directory judged as the run did. @throws QdfsError LOCAL_FILE, BAD_USAGE (it is no history) */
export function judgeFile(path: string, output: Output): Exit {
  const sum = { verdict: "ok", operationsChecked: 0, operationsOpen: 0, files: 0, filesGivenUp: 0, violations: 0 };
  for (const recorded of byDirectory(path).values()) {
    const verdict = checkHistory(recorded.filter(isOperation));
    const wrong = [...failedAndSeen(recorded), ...verdict.violations.map(violationWords)];
    for (const violation of wrong) output.row({ event: "violation", violation }, violation);
    sum.operationsChecked += verdict.operationsChecked;
    sum.operationsOpen += verdict.operationsOpen;
    sum.files += verdict.files;
    sum.filesGivenUp += verdict.filesGivenUp;
    sum.violations += Math.max(verdict.filesViolated, wrong.length);
  }
  sum.verdict = sum.violations > 0 ? "violated" : sum.filesGivenUp > 0 ? "unknown" : "ok";
  output.row(
    sum,
    `verdict: ${sum.verdict}: ${formatCount(sum.operationsChecked)} operations on ${formatCount(sum.files)} files, ${formatCount(sum.operationsOpen)} of unknown outcome, ${sum.violations} violations, ${sum.filesGivenUp} files given up`,
  );
  if (sum.violations > 0) return Exit.VIOLATION;
  return sum.filesGivenUp > 0 ? Exit.UNKNOWN : Exit.DONE;
}

/** A round is a directory: the bound on a history's search is for one of them. */
function byDirectory(path: string): ReadonlyMap<string, readonly Recorded[]> {
  const directories = new Map<string, Recorded[]>();
  for (const line of textOf(path).split("\n")) {
    if (line === "") continue;
    const recorded = parseHistoryLine(line);
    const directory = recorded.kind === "ls" ? recorded.path : recorded.path.slice(0, recorded.path.lastIndexOf("/"));
    const others = directories.get(directory);
    if (others === undefined) directories.set(directory, [recorded]);
    else others.push(recorded);
  }
  return directories;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw asLocalFailure(error, path);
  }
}
