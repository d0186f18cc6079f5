import { Exit, unreachable } from "../base/errors.ts";
import type { Verdict } from "../check/verdict.ts";

/** A verdict as an exit code: what could not be judged is not called done. */
export function exitOfVerdict(verdict: Verdict["verdict"]): Exit {
  switch (verdict) {
    case "ok":
      return Exit.DONE;
    case "violated":
      return Exit.VIOLATION;
    case "unknown":
      return Exit.UNKNOWN;
    default:
      return unreachable(verdict);
  }
}
