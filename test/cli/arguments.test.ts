import { describe, expect, test } from "bun:test";
import { arrange } from "../../src/cli/arguments.ts";
import { parseVersionCondition } from "../../src/cli/version-condition.ts";

const VALUES = new Set(["--after", "--limit"]);

test.each<[string, string[], string[]]>([
  ["flags go first", ["/a", "-r", "/b", "--json"], ["-r", "--json", "--", "/a", "/b"]],
  ["a value joins its flag", ["--limit", "5", "/a"], ["--limit=5", "--", "/a"]],
  ["a value may look like a flag", ["--after", "-x", "/a"], ["--after=-x", "--", "/a"]],
  ["a value may have an equals sign", ["--after=a=b"], ["--after=a=b"]],
  ["- is no flag", ["-", "/a"], ["--", "-", "/a"]],
  ["a name that can be no flag is none", ["-dash.txt", "-1", "/a"], ["--", "-dash.txt", "-1", "/a"]],
  ["after -- nothing is a flag", ["-r", "--", "-r", "--json", "--"], ["-r", "--", "-r", "--json", "--"]],
  ["the empty argument stays", ["-", ""], ["--", "-", ""]],
  ["an unknown flag is left for the parser to refuse", ["--nope", "/a"], ["--nope", "--", "/a"]],
  ["a flag at the end without its value too", ["/a", "--limit"], ["--limit", "--", "/a"]],
])("%s", (_, words, arranged) => {
  expect(arrange(words, VALUES)).toEqual(arranged);
});

describe("--if-version", () => {
  test("takes a version, alone or with the operation that made it", () => {
    expect(parseVersionCondition(undefined)).toBeUndefined();
    expect(parseVersionCondition("3")).toEqual({ version: 3, random: undefined });
    expect(parseVersionCondition("3#0123456789abcdef")).toEqual({ version: 3, random: "0123456789abcdef" });
    for (const bad of ["", "0", "x", "3#", "3#12", "3#0123456789abcdef#1", "#0123456789abcdef"]) {
      expect(() => parseVersionCondition(bad)).toThrow("--if-version");
    }
  });
});
