/** The result of a run in words. */
import { formatCount } from "../base/units.ts";
import type { ChaosResult } from "./run.ts";

/** Lines without line ends. */
export function reportOf(result: ChaosResult): readonly string[] {
  const { seed, durationSec, nodes, quorum, faults, faultsTotal, skipped, operations, recoverySec, check } = result;
  const made = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  return [
    `${durationSec.toFixed(1)} s of chaos on ${nodes} DataNodes, N=${quorum.n} W=${quorum.w} R=${quorum.r}, seed ${seed}`,
    `${formatCount(faultsTotal)} faults: ${made.join(", ")}`,
    ...(skipped.length === 0 ? [] : [`not possible here: ${skipped.join(", ")}`]),
    ...Object.entries(operations).map(
      ([kind, { ok, failed, unknown, errorCodes }]) =>
        `${kind.padEnd(3)}  ${formatCount(ok)} done, ${formatCount(failed)} failed for certain, ${formatCount(unknown)} of unknown outcome${codes(errorCodes)}`,
    ),
    `whole again ${recoverySec.toFixed(1)} s after the last fault`,
    "",
    `verdict: ${check.verdict}: ${formatCount(check.operationsChecked)} operations on ${formatCount(check.files)} files in ${check.rounds} rounds, ${formatCount(check.operationsOpen)} of unknown outcome; ${formatCount(check.listingsChecked)} listings`,
    ...(check.filesGivenUp === 0 ? [] : [`the checker gave up on ${check.filesGivenUp} files`]),
    ...check.violations.map((violation) => `  ${violation}`),
    ...(check.violationsCount > check.violations.length ? [`  and ${check.violationsCount - check.violations.length} more`] : []),
  ];
}

function codes(errorCodes: Readonly<Record<string, number | undefined>>): string {
  const counts = Object.entries(errorCodes).map(([code, count]) => `${code} ${count}`);
  return counts.length === 0 ? "" : ` (${counts.join(", ")})`;
}
