/** Judgements and operations in words, for people. */
import { unreachable } from "../base/errors.ts";
import { formatCount } from "../base/units.ts";
import type { RecordedListing, RecordedOperation } from "./history.ts";
import type { Judgement } from "./judge.ts";
import { foundNothing } from "./model.ts";

/** Lines without line ends: the verdict, then each violation with its operations. */
export function judgementLines(judgement: Judgement): readonly string[] {
  const { filesViolated, listingsViolated, violations } = judgement;
  const lines = [verdictLine(judgement)];
  for (const { path, contradiction, operations } of violations) {
    lines.push("", `${path}: ${contradiction}`, ...operations.map((operation) => `  ${operationLine(operation)}`));
  }
  const more = filesViolated + listingsViolated - violations.length;
  if (more > 0) lines.push("", `and ${formatCount(more)} more`);
  return lines;
}

/** Who did what when (in ms since the history's beginning), and what came of it. */
export function operationLine(operation: RecordedOperation | RecordedListing): string {
  const { client, callNs, returnNs } = operation;
  const span = returnNs === null ? `${ms(callNs)} …` : `${ms(callNs)} … ${ms(returnNs)}`;
  return `${span} ms  client ${client}  ${operation.kind === "ls" ? listingWords(operation) : wordsOf(operation)}`;
}

function verdictLine(judgement: Judgement): string {
  const { verdict, operationsChecked, operationsOpen, files, filesViolated, filesGivenUp } = judgement;
  const { listingsChecked, listingsViolated } = judgement;
  const open = operationsOpen > 0 ? ` (${formatCount(operationsOpen)} of unknown outcome)` : "";
  const listings = listingsChecked > 0 ? ` and ${count(listingsChecked, "listing")}` : "";
  const judged = `${count(operationsChecked, "operation")} on ${count(files, "file")}${open}${listings}`;
  switch (verdict) {
    case "ok":
      return `ok: ${judged}, all as promised`;
    case "violated": {
      const wrong = [
        ...(filesViolated > 0 ? [`${count(filesViolated, "file")} not linearizable`] : []),
        ...(listingsViolated > 0 ? [`${count(listingsViolated, "listing")} wrong`] : []),
      ];
      return `VIOLATED: ${wrong.join(", ")}; judged: ${judged}`;
    }
    case "unknown": {
      const givenUp = filesGivenUp > 0 ? `; ${count(filesGivenUp, "file")} given up: too many orders to try` : "";
      return `unknown: no violation found in ${judged}${givenUp}`;
    }
    default:
      return unreachable(verdict);
  }
}

function count(number: number, what: string): string {
  return `${formatCount(number)} ${what}${number === 1 ? "" : "s"}`;
}

function listingWords({ path, entries, complete, guarantee }: RecordedListing): string {
  const shown = entries.length === 0 ? "without it" : entries.map((entry) => `${entry.path} version ${entry.version}`).join(", ");
  const incomplete = complete === false ? " (said to be incomplete)" : "";
  return `ls ${path} → ${shown}${incomplete}${labelOf(guarantee)}`;
}

function wordsOf(operation: RecordedOperation): string {
  const { kind, path, of, precondition, valueId, guarantee } = operation;
  const parts: string[] = [kind, of === undefined ? path : `${path}@${of}`];
  if (precondition !== undefined) parts.push("absent" in precondition ? "if absent" : `if version ${precondition.version}`);
  if (kind === "put" && valueId !== null) parts.push(`value ${valueId}`);
  return `${parts.join(" ")} → ${resultOf(operation)}${labelOf(guarantee)}`;
}

function resultOf(operation: RecordedOperation): string {
  const { kind, version, valueId, outcome, refusal } = operation;
  if (outcome === "unknown") return "outcome unknown";
  if (outcome === "fail") {
    if (refusal === undefined) return "failed, not done";
    return `refused: ${refusal}${version === null ? "" : `, version ${version}`}`;
  }
  if (foundNothing(operation)) return "found nothing";
  const told = version === null ? "done" : `version ${version}`;
  return kind === "get" && valueId !== null ? `${told}, value ${valueId}` : told;
}

function labelOf(guarantee: RecordedOperation["guarantee"]): string {
  return guarantee === undefined || guarantee === "linearizable" ? "" : ` (${guarantee})`;
}

function ms(ns: number): string {
  return (ns / 1e6).toFixed(3);
}
