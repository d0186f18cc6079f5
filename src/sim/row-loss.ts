/**
 * A disk that silently loses rows, below all that the protocol knows: an accepted value (the one before it shows, or nothing), the inline
 * bytes of a version, a chunk's row. Which losses can be survived at all, and so may be simulated:
 *
 * * One disk alone ever loses anything, and only what every other replica still has: of an accepted value that, or a newer one. Where
 *   N-1 of them are at least W they make up the W that chose it, and every R answers, every scan and every phase 1 meets one of them.
 *   With W = N, or of a value that this disk alone holds, the loss would be that of an acknowledged write: nothing could mend it.
 * * The process is dead meanwhile. A replica's promise never to go below an accept lies in the accept's own row; after a restart it lies in
 *   the ceiling as well, which is above all that was ever promised or accepted (P3). So the disk takes nothing that it had
 *   refused before (I2).
 * * Sequences go on where they were (P19), and no partition is joint: a rescan counts on what was scanned.
 */
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { compareBallots } from "../register/ballot.ts";
import { isInline } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import type { Disk } from "./disk.ts";
import type { DiskView } from "./invariants/registers.ts";

interface Loss {
  readonly what: string;
  /** The path or chunk. */
  readonly of: string;
  readonly lose: () => void;
}

/** Everything that a disk could lose, while its process is dead. */
export function possibleLosses(disk: Disk, view: DiskView): readonly Loss[] {
  const { store } = disk;
  const files = store.paths().flatMap((path) => lossesOf(path, disk, othersOf(partitionOf(view.map, path), disk, view)));
  const chunks = store.chunksAfter("", Number.MAX_SAFE_INTEGER).flatMap(({ chunk }): Loss[] => {
    const others = othersOf(chunkPartitionOf(view.map, chunk), disk, view);
    if (!others?.every((other) => other.store.chunk(chunk) !== undefined)) return [];
    return [{ what: `chunk ${chunk}`, of: chunk, lose: () => store.loseChunk(chunk) }];
  });
  return [...files, ...chunks];
}

function lossesOf(path: Path, { store }: Disk, others: readonly Disk[] | undefined): readonly Loss[] {
  const held = store.register(path);
  if (held === undefined || others === undefined) return [];
  const isHeld = others.every(({ store: other }) => {
    const register = other.register(path);
    return register !== undefined && compareBallots(register.ballot, held.ballot) >= 0;
  });
  if (!isHeld) return [];
  const { current, history } = headCodec.decode(held.head);
  const contents = [current, ...history].filter((version) => {
    const { random } = version.operation;
    return (
      isInline(version) && [store, ...others.map((other) => other.store)].every((one) => one.content(path, random) !== undefined)
    );
  });
  return [
    { what: `all of ${path}`, of: path, lose: () => store.loseFile(path) },
    { what: `the accepted value of ${path}`, of: path, lose: () => loseAccepted(store, path) },
    ...contents.map(({ version, operation }) => ({
      what: `the content of ${path}@${version}`,
      of: path,
      lose: () => store.loseContent(path, operation.random),
    })),
  ];
}

/** A row that holds bytes of an earlier version, fetched later, has no head: it could not be taken for an accepted value. */
function loseAccepted(store: Disk["store"], path: Path): void {
  store.loseAccepted(path);
  if (store.register(path)?.head.length === 0) store.loseFile(path);
}

/** The disks of a partition's other replicas; undefined: what this one has of it must not be lost. */
function othersOf(partition: number, disk: Disk, view: DiskView): readonly Disk[] | undefined {
  const configuration = configurationOf(view.map, partition);
  const [set, joint] = configuration.sets;
  if (set === undefined || joint !== undefined || set.nodes.length - 1 < set.w) return undefined;
  if (!set.nodes.includes(disk.number)) return undefined;
  const nodes = replicasOf(configuration).filter((node: NodeNumber) => node !== disk.number);
  const others = nodes.flatMap((node) => view.diskOfNode(node) ?? []);
  return others.length === nodes.length ? others : undefined;
}
