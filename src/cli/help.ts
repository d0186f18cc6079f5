/** The texts of `qdfs help`. */
import { Cli } from "clipanion";
import { exitCodeTable } from "./failure.ts";
import type { Verb } from "./verbs.ts";

const WIDTH = 100;
const FLAG_WIDTH = 28;

/** Usage, flags and examples of one command, from its class. */
export async function commandHelp(verb: Verb): Promise<string> {
  const command = await verb.load();
  const cli = new Cli({ binaryName: "qdfs" });
  cli.register(command);
  const [definition] = cli.definitions();
  const lines = [`qdfs ${verb.name}: ${verb.summary}`, "", `  ${definition?.usage ?? `qdfs ${verb.name}`} [FLAGS]`];
  const { details = "", examples = [] } = command.usage ?? {};
  if (details !== "") lines.push("", ...paragraphs(details));
  const flags = (definition?.options ?? []).map((option) => flagLine(option.definition, option.description ?? ""));
  const width = Math.min(FLAG_WIDTH, Math.max(...flags.map((flag) => flag.name.length)));
  lines.push("", "Flags", ...flags.flatMap((flag) => flagText(flag, width)));
  if (examples.length > 0) lines.push("", "Examples");
  for (const [what, how] of examples) lines.push(`  # ${what}`, `  ${how.replaceAll("$0", "qdfs")}`);
  return lines.join("\n");
}

interface Flag {
  readonly name: string;
  readonly text: string;
}

/** A flag that takes a value has the value's name as the first word of its description. */
function flagLine(definition: string, description: string): Flag {
  const text = description.trim();
  if (!definition.includes(" #")) return { name: definition, text };
  const [value = "", ...words] = text.split(" ");
  return { name: `${definition.split(" ")[0]} ${value}`, text: words.join(" ") };
}

function flagText(flag: Flag, width: number): string[] {
  const indent = " ".repeat(width + 4);
  const [first = "", ...rest] = wrap(flag.text, indent);
  if (flag.name.length > width) return [`  ${flag.name}`, first, ...rest];
  return [`  ${flag.name.padEnd(width)}  ${first.trimStart()}`, ...rest];
}

function paragraphs(text: string): string[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .flatMap((paragraph, index) => [...(index === 0 ? [] : [""]), ...wrap(paragraph, "")]);
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.trim().split(/\s+/)) {
    if (line.length + word.length > WIDTH && line.trim() !== "") {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}

export const TOPICS: ReadonlyMap<string, () => string> = new Map([
  ["consistency", () => wrap(CONSISTENCY, "").join("\n")],
  [
    "exit-codes",
    () =>
      `Exit codes of qdfs, and the error codes that lead to each. With --json a failure ends with one line on stderr:\n{"error":{"code","message","retry","details"}}; retry is never, later or check (first find out what became of it).\n\n${exitCodeTable()}`,
  ],
]);

/** DESIGN section 1, word for word. */
const CONSISTENCY = `
Every operation on one file (put, get, delete, conditional put, restore) is linearizable as long as the quorums
intersect, whatever crashes, delays, reorderings, duplications, clock errors and partitions happen, and an acknowledged
write is on stable storage (fsync) at W DataNodes. While fewer than R or W replicas of a file are reachable, operations
on it fail with a clear error instead of lying. An operation whose outcome is not known says exactly that. Weaker reads
and earlier acknowledgements exist, are opt-in per operation, and are labelled in their result. A listing shows every put that had
returned before the listing began; where the SuperNode cannot vouch for that (DataNodes unreachable) it says what may be missing.
Losing the SuperNode's disk loses nothing: the catalogue is rebuilt from the DataNodes.`.trim();
