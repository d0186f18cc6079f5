/** `--scrub-period`, of a DataNode and of `qdfs up`, which hands it to its DataNodes. */
import { Option } from "clipanion";
import { QdfsError } from "../base/errors.ts";
import { parseDuration } from "../base/units.ts";
import { SCRUB_PERIOD_MS_MAX, SCRUB_PERIOD_MS_MIN } from "../limits.ts";

export function scrubPeriodOption() {
  return Option.String("--scrub-period", {
    description: "DURATION every stored byte is read and verified again within this long (default: 14d)",
  });
}

/** @throws QdfsError BAD_USAGE */
export function parseScrubPeriod(text: string): number {
  const periodMs = parseDuration(text);
  if (periodMs >= SCRUB_PERIOD_MS_MIN && periodMs <= SCRUB_PERIOD_MS_MAX) return periodMs;
  throw new QdfsError("BAD_USAGE", `--scrub-period takes from 1s to 365d, not ${JSON.stringify(text)}`);
}
