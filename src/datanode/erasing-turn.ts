/** Erasing a tombstone at one replica (P14): what of it happens in the replica's turn. Who asks, and when, is in eraser.ts. */
import { QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { ABSENT, isAbsent, sameBallot } from "../register/ballot.ts";
import type { Erasures } from "../register/erased.ts";
import { newestStamp } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import { type Accepted, type Entry, type Erasing, NOTHING, type Remembering, type Turn } from "./turn.ts";

/** Where a replica looks up what the adopted map says. */
export interface ReplicaMaps {
  /** Of the configuration that is in force for a file; undefined: this node is no replica of it. */
  numberOf(path: Path): number | undefined;
  numberOfPartition(partition: number): number | undefined;
  partitionOf(path: Path): number;
}

export class ErasingTurn {
  readonly #erasures: Erasures;
  readonly #maps: ReplicaMaps;

  constructor(erasures: Erasures, maps: ReplicaMaps) {
    this.#erasures = erasures;
    this.#maps = maps;
  }

  /**
   * In two rounds: is this replica ready for the tombstone of `ballot` to be erased, and then the erasing. It is if it holds exactly that.
   * It is, too, if it holds nothing and will never take anything at or below that ballot, which it sees to at once, remembering
   * what is forgotten with it: so it has nothing older that could come back, and never will, which is all that the others count on. (It
   * erased that tombstone in an earlier round that was broken off, or never heard of the file.)
   */
  erase(entry: Entry, { path, ballot: of, forgotten, remove }: Erasing, accepted: Accepted, turn: Turn): void {
    const ballot = { configuration: of.configuration, counter: of.counter, node: of.node };
    const absent = isAbsent(accepted.ballot);
    const head = absent ? undefined : headCodec.decode(accepted.head);
    const exactly = head?.current.tombstone === true && sameBallot(accepted.ballot, ballot);
    if (!absent && (!exactly || !remove)) {
      entry.reply({ erased: { ready: exactly } });
      return;
    }
    const partition = this.#maps.partitionOf(path);
    const stamp = head === undefined ? forgotten : Math.max(forgotten, newestStamp(head));
    turn.erasures.push({ partition, ...this.#erasures.raise(partition, { floor: ballot, forgotten: stamp }) });
    if (exactly) {
      turn.erased.push({ path, ballot });
      turn.staged.set(path, NOTHING);
    }
    turn.waiting.push({ entry, answer: { erased: { ready: true } } });
  }

  /** What who was here before has forgotten of absent files. */
  remember(entry: Entry, { partition, number, forgotten }: Remembering, turn: Turn): void {
    if (this.#maps.numberOfPartition(partition) !== number)
      throw new QdfsError("CONFIGURATION_STALE", `the configuration of partition ${partition} has changed meanwhile`);
    turn.erasures.push({ partition, ...this.#erasures.raise(partition, { floor: ABSENT, forgotten }) });
    turn.waiting.push({ entry, answer: {} });
  }
}
