/** How fast partitions are moved: as it was measured since something began to move, else what the throttle of one DataNode allows. */
import { CARRY_BYTES_PER_SEC, CARRY_FILES_PER_SEC, PARTITIONS_CHANGING_MAX } from "../limits.ts";

export interface Rates {
  readonly partitionsPerSec: number;
  readonly filesPerSec: number;
  readonly bytesPerSec: number;
}

/** Partitions that change, files carried over, bytes copied. */
export interface Work {
  readonly partitions: number;
  readonly files: number;
  readonly sizeBytes: number;
}

/** About how long it takes at these rates, ms. */
export function expectedMs(
  { partitions, files, sizeBytes }: Work,
  { filesPerSec, bytesPerSec, partitionsPerSec }: Rates,
): number {
  return Math.ceil(1_000 * (Math.max(files / filesPerSec, sizeBytes / bytesPerSec) + partitions / partitionsPerSec));
}

/** Below this much nothing is known yet. */
const MEASURED_MS_MIN = 2_000;

/** `moved`: in the last `forMs`. What did not move at all says nothing of how fast it would. */
export function ratesOf({ partitions, files, sizeBytes }: Work, forMs: number): Rates {
  const measured = (count: number, otherwise: number): number =>
    forMs >= MEASURED_MS_MIN && count > 0 ? Math.min(otherwise, (1_000 * count) / forMs) : otherwise;
  return {
    partitionsPerSec: measured(partitions, PARTITIONS_CHANGING_MAX),
    filesPerSec: measured(files, CARRY_FILES_PER_SEC),
    bytesPerSec: measured(sizeBytes, CARRY_BYTES_PER_SEC),
  };
}
