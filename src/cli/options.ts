/** Flags that several commands share. */
import { Option } from "clipanion";
import { QdfsError } from "../base/errors.ts";

export function consistencyFlag() {
  return Option.String("--consistency", {
    description: "LEVEL strong (default) or eventual: one replica's word, faster and perhaps old",
  });
}

/** @throws QdfsError BAD_USAGE */
export function parseConsistency(text: string | undefined): "strong" | "eventual" {
  if (text === undefined || text === "strong") return "strong";
  if (text === "eventual") return "eventual";
  throw new QdfsError("BAD_USAGE", `--consistency is strong or eventual, not ${JSON.stringify(text)}`);
}

/**
 * `A-B` (both included) or `A-` (to the end).
 * @throws QdfsError BAD_USAGE
 */
export function parseRange(text: string | undefined): { start: number; end: number } | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,15})-(\d{0,15})$/.exec(text);
  const start = Number(match?.[1]);
  const end = match?.[2] === "" ? Number.MAX_SAFE_INTEGER : Number(match?.[2]);
  if (start <= end) return { start, end };
  throw new QdfsError("BAD_USAGE", `--range takes A-B or A-, counted from 0 with A at most B, not ${JSON.stringify(text)}`);
}
