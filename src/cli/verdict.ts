import { QdfsError, unreachable } from "../base/errors.ts";
import type { Judgement } from "../check/judge.ts";

/** The failure that a command ends with after it has printed the judgement; undefined: all is as promised. */
export function failureOf({ verdict, violations }: Judgement): QdfsError | undefined {
  switch (verdict) {
    case "ok":
      return undefined;
    case "violated":
      return new QdfsError(
        "VIOLATION",
        `the answers contradict what is promised: ${violations[0]?.path}: ${violations[0]?.contradiction}`,
      );
    case "unknown":
      return new QdfsError("UNDECIDED", "no violation was found, but not everything could be judged");
    default:
      return unreachable(verdict);
  }
}
