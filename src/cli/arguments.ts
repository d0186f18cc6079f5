/**
 * Arguments as people write them, brought into the form that clipanion takes: flags first, `--flag=value`, then `--` and the
 * rest. So a flag's value may begin with `-`, and so may a file name that cannot be a flag (`-dash.txt`).
 */
import type { Definition } from "clipanion";

/** The names of the flags that take a value. */
export function valueFlagsOf(definitions: readonly Definition[]): ReadonlySet<string> {
  const names = definitions.flatMap((definition) =>
    definition.options
      .filter((option) => option.definition.includes(" #"))
      .flatMap((option) => option.definition.split(" ")[0]?.split(",") ?? []),
  );
  return new Set(names);
}

/** A flag, or several one-letter flags in one word. */
const FLAG = /^(--[a-zA-Z][^\s]*|-[a-zA-Z]+|-[a-zA-Z]=.*)$/s;

export function arrange(words: readonly string[], valueFlags: ReadonlySet<string>): readonly string[] {
  const flags: string[] = [];
  const positionals: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const value = words[index + 1];
    if (word === "--") {
      positionals.push(...words.slice(index + 1));
      break;
    }
    if (valueFlags.has(word) && value !== undefined) {
      flags.push(`${word}=${value}`);
      index += 1;
    } else if (FLAG.test(word)) {
      flags.push(word);
    } else {
      positionals.push(word);
    }
  }
  return positionals.length === 0 ? flags : [...flags, "--", ...positionals];
}
