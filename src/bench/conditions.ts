/** What a figure depends on, in words: figures never stand without it. */
import { formatCount, formatSize } from "../base/units.ts";
import type { Kind } from "./mix.ts";
import type { BenchResult } from "./result.ts";
import { sizesWords } from "./sizes.ts";

/** All of them, in lines. */
export function conditionLines(result: BenchResult): readonly string[] {
  const { quorum, clients, procs, inFlight, ratePerSec, machine } = result;
  const load = ratePerSec === null ? "closed loop" : `open loop at ${ratePerSec} ops/s, latency from the intended start`;
  const processes = procs === 1 ? "" : ` in ${procs} processes`;
  const warmUp = result.warmUpSec > 0 ? ` after ${result.warmUpSec} s of warm-up` : "";
  return [
    `${result.mix}: ${clients} client${clients === 1 ? "" : "s"} × ${inFlight} in flight${processes}, ${load}, ${result.durationSec.toFixed(1)} s${warmUp}`,
    `N=${quorum.n} W=${quorum.w} R=${quorum.r} (${quorum.name}), fsync before every acknowledgement, ${sizesWords(result.sizes)} × ${formatCount(result.files)} files (${result.keys}) in ${result.directory}`,
    `qdfs ${result.version}, ${result.startedAt}; the bench ran on ${machine.cores} core${machine.cores === 1 ? "" : "s"} (${machine.cpu}), ${formatSize(machine.memoryBytes)}, ${machine.os}`,
  ];
}

/** Those that a figure of one kind cannot do without, short enough to stand in its row. */
export function rowConditions(result: BenchResult, kind: Kind): string {
  const { quorum, clients, procs, inFlight, ratePerSec, sizes, machine } = result;
  return [
    ...(kind === "ls" ? [] : [sizesWords(sizes)]),
    `${clients * inFlight} in flight${procs === 1 ? "" : ` from ${procs} processes`}${ratePerSec === null ? "" : ` at ${ratePerSec}/s`}`,
    `N=${quorum.n} W=${quorum.w} R=${quorum.r}`,
    "fsync",
    `${machine.cores} core${machine.cores === 1 ? "" : "s"}`,
  ].join(", ");
}
