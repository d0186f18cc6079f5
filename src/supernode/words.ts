/** Sentences about nodes. */
import { type NodeNumber, nodeName } from "../base/ids.ts";

/** `a`, `a and b`, `a, b and c`. */
export function andList(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** What a listing may lack while these nodes do not answer; empty when there are none. */
export function missingWords(silent: readonly NodeNumber[]): string {
  if (silent.length === 0) return "";
  const names = andList(silent.map(nodeName));
  return silent.length === 1
    ? `${names} does not answer: puts that only it holds may be missing`
    : `${names} do not answer: puts that only they hold may be missing`;
}
