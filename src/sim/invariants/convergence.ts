/** What must hold once the faults are over and the cluster has had its time: every replica holds the same, and so does the catalogue (I11). */
import { nodeName, type Path } from "../../base/ids.ts";
import { configurationOf, partitionOf, replicasOf } from "../../cluster/map.ts";
import { formatBallot, sameBallot } from "../../register/ballot.ts";
import { isLive } from "../../register/head.ts";
import { headCodec } from "../../wire/codec.ts";
import type { Head, ListEntry } from "../../wire/messages.ts";
import type { DiskView } from "./registers.ts";

/** What stands between a file's replicas and agreement, in words; undefined: nothing. Wiped disks do not come back. */
export function disagreement(view: DiskView, paths: readonly Path[]): string | undefined {
  const { map } = view;
  for (const path of paths) {
    const replicas = replicasOf(configurationOf(map, partitionOf(map, path)));
    const held = replicas.flatMap((node) => {
      const disk = view.diskOfNode(node);
      return disk === undefined ? [] : [{ node, register: disk.store.register(path) }];
    });
    const [first] = held;
    const agree = held.every(
      ({ register }) =>
        register === first?.register ||
        (register !== undefined && first?.register !== undefined && sameBallot(register.ballot, first.register.ballot)),
    );
    if (agree) continue;
    const words = held.map(({ node, register }) => `${nodeName(node)}: ${register ? formatBallot(register.ballot) : "absent"}`);
    return `${path} (${words.join(", ")})`;
  }
  return undefined;
}

/** The head that all replicas of a converged file hold; undefined: none was ever written. */
export function agreedHead(view: DiskView, path: Path): Head | undefined {
  const { map } = view;
  for (const node of replicasOf(configurationOf(map, partitionOf(map, path)))) {
    const stored = view.diskOfNode(node)?.store.register(path);
    if (stored !== undefined) return headCodec.decode(stored.head);
  }
  return undefined;
}

/** Where a complete listing differs from the registers (I11), in words. */
export function listingDifference(view: DiskView, paths: readonly Path[], entries: readonly ListEntry[]): string | undefined {
  const listed = new Map(entries.map((entry) => [entry.path, entry]));
  for (const path of paths) {
    const head = agreedHead(view, path);
    const entry = listed.get(path);
    listed.delete(path);
    if (!isLive(head)) {
      if (entry !== undefined) return `${path} is listed as version ${entry.version}, and does not exist`;
      continue;
    }
    const { version, sizeBytes, checksum } = head.current;
    if (entry === undefined) return `${path} is not listed, and has version ${version}`;
    if (entry.version !== version || entry.sizeBytes !== sizeBytes || entry.checksum !== checksum)
      return `${path} is listed as version ${entry.version}, and has version ${version}`;
  }
  const [other] = listed.keys();
  return other === undefined ? undefined : `${other} is listed, and was never written`;
}
