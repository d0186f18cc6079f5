/** `qdfs du --reclaimable`: bytes, of all copies, that are kept for a while only or are about to be freed, and why. Pure. */
import { formatDuration } from "../base/units.ts";
import { orphanAgeMs, tombstoneGraceMs } from "../cluster/retention.ts";
import type { CatalogueTotals } from "../supernode-ports.ts";
import type { Garbage, Reclaimable } from "../wire/garbage-messages.ts";
import type { Policy } from "../wire/messages.ts";

export interface ReclaimableFacts {
  readonly policy: Policy;
  /** Of the files under the prefix, and of its trash. */
  readonly live: CatalogueTotals;
  readonly trash: CatalogueTotals;
  /** What the DataNodes told of the whole cluster; undefined: it is asked about a part of it. */
  readonly garbage: readonly Garbage[] | undefined;
}

export function reclaimable({ policy, live, trash, garbage }: ReclaimableFacts): readonly Reclaimable[] {
  const { n, keepVersions, keepForMs = 0 } = policy;
  const aged = keepForMs === 0 ? "" : `with the file's next change ${formatDuration(keepForMs)} after they were superseded, `;
  const grace = formatDuration(tombstoneGraceMs(policy));
  const rows: Reclaimable[] = [
    {
      why: "old-versions",
      count: live.files,
      sizeBytes: (live.storedBytes - live.sizeBytes) * n,
      when: `${aged}when ${keepVersions} newer ones are there, or with the file`,
    },
    {
      why: "trash",
      count: trash.files,
      sizeBytes: trash.storedBytes * n,
      when: `${grace} after the deletion, when every replica is up`,
    },
  ];
  if (garbage === undefined) return rows;
  const sum = (of: (one: Garbage) => number): number => garbage.reduce((total, one) => total + of(one), 0);
  const orphans = sum(({ orphanBytes }) => orphanBytes);
  const doomed = sum(({ doomedBytes }) => doomedBytes);
  rows.push(
    {
      why: "orphan-chunks",
      count: sum(({ orphanChunks }) => orphanChunks),
      sizeBytes: orphans,
      when: `${formatDuration(orphanAgeMs(policy))} after they were met`,
    },
    { why: "doomed-chunks", count: sum(({ doomedChunks }) => doomedChunks), sizeBytes: doomed, when: "now" },
  );
  return rows;
}

/** What the nodes told, taken together; null: nothing. */
export function sumOfGarbage(all: readonly Garbage[]): Garbage | null {
  const [first, ...others] = all;
  if (first === undefined) return null;
  return others.reduce(
    (sum, one) => ({
      orphanChunks: sum.orphanChunks + one.orphanChunks,
      orphanBytes: sum.orphanBytes + one.orphanBytes,
      doomedChunks: sum.doomedChunks + one.doomedChunks,
      doomedBytes: sum.doomedBytes + one.doomedBytes,
      tombstones: sum.tombstones + one.tombstones,
      collectedChunks: sum.collectedChunks + one.collectedChunks,
      collectedBytes: sum.collectedBytes + one.collectedBytes,
      erasedTombstones: sum.erasedTombstones + one.erasedTombstones,
      waitsFor: sum.waitsFor || one.waitsFor,
    }),
    first,
  );
}
