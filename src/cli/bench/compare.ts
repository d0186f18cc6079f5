/** `qdfs bench --compare A.json B.json`. */
import { Exit } from "../../base/errors.ts";
import { compare, comparisonLines } from "../../bench/compare.ts";
import { type ResultFigures, resultsOf } from "../../bench/result-file.ts";
import { readLines } from "../line-file.ts";
import type { Output } from "../output.ts";

/** @throws QdfsError LOCAL_FILE, BAD_USAGE */
export async function compareFiles(fileA: string, fileB: string, output: Output): Promise<Exit> {
  const comparison = compare(await read(fileA), await read(fileB));
  const { conditions, figures, runsA, runsB } = comparison;
  if (output.options.json) for (const row of [...conditions, ...figures]) output.row({ ...row, runsA, runsB });
  else output.row(comparison, comparisonLines(comparison, fileA, fileB).join("\n"));
  return Exit.DONE;
}

async function read(file: string): Promise<readonly ResultFigures[]> {
  const lines: string[] = [];
  for await (const line of readLines(file)) lines.push(line);
  return resultsOf(lines, file);
}
