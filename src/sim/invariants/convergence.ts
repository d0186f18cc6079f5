/**
 * What must hold once the faults are over and the cluster has had its time: every replica holds the same, whole down to the last byte
 * that a head names, and so does the catalogue (I11).
 */
import { checksumOf } from "../../base/checksum.ts";
import { type NodeNumber, nodeName, type Path } from "../../base/ids.ts";
import { chunkPartitionOf, configurationOf, isReplica, partitionOf, replicasOf } from "../../cluster/map.ts";
import { joiningIn, movesOf, turnsOf } from "../../cluster/moves.ts";
import { deadOf } from "../../cluster/standing.ts";
import { formatBallot, sameBallot } from "../../register/ballot.ts";
import { isInline, isLive } from "../../register/head.ts";
import { chunksNamed } from "../../wire/chunk-list.ts";
import { headCodec } from "../../wire/codec.ts";
import type { Configuration, Head, ListEntry } from "../../wire/messages.ts";
import type { DiskView } from "./registers.ts";

/**
 * Who is to hold all of a partition. While it is changing towards a node whose disk is no more, which lasts until an operator says so, those that
 * join need not have been given everything.
 */
function holdersIn(view: DiskView, configuration: Configuration): readonly NodeNumber[] {
  const comes = joiningIn(configuration).every((node) => view.diskOfNode(node) !== undefined);
  return comes ? replicasOf(configuration) : (configuration.sets[0]?.nodes ?? []);
}

/** What stands between a file's replicas and agreement, in words; undefined: nothing. Wiped disks do not come back. */
export function disagreement(view: DiskView, paths: readonly Path[]): string | undefined {
  const { map } = view;
  for (const path of paths) {
    const replicas = holdersIn(view, configurationOf(map, partitionOf(map, path)));
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

/** What of a rebalance is not done, in words; undefined: nothing. What waits for a node whose disk is no more waits for ever. */
export function unfinished(view: DiskView): string | undefined {
  const { map } = view;
  for (const { number } of map.nodes) {
    const adopted = view.diskOfNode(number)?.store.map()?.partitions;
    if (adopted !== undefined && !map.partitions.every((configuration, at) => configuration.number === adopted[at]?.number))
      return `${nodeName(number)} has not adopted the newest configurations`;
  }
  const there = (node: number): boolean => view.diskOfNode(node) !== undefined;
  for (const [partition, configuration] of map.partitions.entries()) {
    if (configuration.sets.length > 1 && joiningIn(configuration).every(there)) return `partition ${partition} is still changing`;
  }
  // Those that wait for ever may take all the room that there is for changes at a time.
  const waits = map.partitions.some((configuration) => configuration.sets.length > 1);
  for (const { partition, to } of waits ? [] : movesOf(map)) {
    const { sets = [] } = map.partitions[partition] ?? {};
    if (joiningIn({ number: 0, sets: [...sets, to] }).every(there)) return `partition ${partition} has not been moved`;
  }
  for (const { partition, next } of turnsOf(map)) {
    if (joiningIn(next).every(there)) return `partition ${partition} is on a way that it is not to go`;
  }
  const [dead] = deadOf(map);
  return dead === undefined ? undefined : `${nodeName(dead)} is dead and still a member`;
}

/** What a node holds of a partition that it has left long ago, in words. */
export function leftovers(view: DiskView, paths: readonly Path[]): string | undefined {
  const { map } = view;
  for (const path of paths) {
    const configuration = configurationOf(map, partitionOf(map, path));
    for (const { number } of map.nodes) {
      const held = view.diskOfNode(number)?.store.register(path);
      if (held !== undefined && !isReplica(configuration, number)) return `${nodeName(number)} still holds ${path}`;
    }
  }
  return undefined;
}

/**
 * The first copy of a byte that a head names which is missing or damaged, in words; undefined: every replica of every file holds the
 * inline bytes of all kept versions, every store all their chunks. Damage and wipes leave a good copy of each (faults.ts).
 */
export function notWhole(view: DiskView, paths: readonly Path[]): string | undefined {
  const { map } = view;
  for (const path of paths) {
    const head = agreedHead(view, path);
    if (head === undefined) continue;
    for (const version of [head.current, ...head.history]) {
      const { random } = version.operation;
      for (const node of holdersIn(view, configurationOf(map, partitionOf(map, path)))) {
        const disk = view.diskOfNode(node);
        if (disk === undefined || !isInline(version)) continue;
        const flaw = flawOf(disk.store.content(path, random), version.checksum);
        if (flaw !== undefined) return `the content of ${path}@${version.version} is ${flaw} at ${nodeName(node)}`;
      }
      for (const { chunk, checksum } of chunksNamed(version)) {
        for (const node of holdersIn(view, configurationOf(map, chunkPartitionOf(map, chunk)))) {
          const disk = view.diskOfNode(node);
          if (disk === undefined) continue;
          const flaw = disk.store.chunk(chunk) === undefined ? "not indexed" : flawOf(disk.files.peek(chunk), checksum);
          if (flaw !== undefined) return `chunk ${chunk} of ${path}@${version.version} is ${flaw} at ${nodeName(node)}`;
        }
      }
    }
  }
  return undefined;
}

function flawOf(bytes: Uint8Array | undefined, checksum: string): string | undefined {
  if (bytes === undefined) return "missing";
  return checksumOf(bytes) === checksum ? undefined : "damaged";
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
