/** What the replica works through: entries of its inbox, and one turn's worth of what they stage (replica.ts). */
import type { Path } from "../base/ids.ts";
import type { AcceptWrite, ChunkId, ContentWrite, ErasedFile, ErasureWrite, NodeWrites, Trim } from "../ports.ts";
import { ABSENT } from "../register/ballot.ts";
import type { BallotCounter } from "../register/counter.ts";
import type { Erase } from "../wire/garbage-messages.ts";
import type { AnswerBody, Ballot, RequestBody } from "../wire/messages.ts";

export type Reply = (answer: AnswerBody) => void;

/** A value that is known chosen, taken over from a peer, in the configuration by which that one was asked (P15). */
export type Learned = Omit<AcceptWrite, "chosen"> & {
  readonly configuration: number;
  /** What is held at this very ballot is damaged: the same value takes its place (one ballot, one value: I3). */
  readonly mends?: boolean;
};

/** Bytes of a version that the accepted head names, and the configuration in which they were asked for. */
export type Filling = ContentWrite & { readonly configuration: number };

/** What this node holds of partitions and is to hold no more. */
export interface Leftovers {
  readonly paths: readonly Path[];
  readonly chunks: readonly ChunkId[];
}

/** Of a partition in the configuration of this number, what absent files have forgotten (P14, P16). */
export interface Remembering {
  readonly partition: number;
  readonly number: number;
  readonly forgotten: number;
}

/** P14, in the configuration of this number. */
export type Erasing = Erase & { readonly configuration: number };

export interface Entry {
  readonly body: RequestBody;
  readonly learned?: Learned;
  readonly filling?: Filling;
  readonly remembering?: Remembering;
  readonly erasing?: Erasing;
  /** Decided when its turn comes: what then belongs here stays. */
  readonly drops?: () => Leftovers;
  readonly writes?: Partial<NodeWrites>;
  /** Called when it is durable, before anybody is told. */
  readonly committed?: () => void;
  readonly reply: Reply;
}

/** What a replica has accepted for a file. */
export interface Accepted {
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  /** Known chosen, on disk or by a hint. */
  readonly chosen: boolean;
}

export const NO_BYTES = new Uint8Array(0);

export const NOTHING: Accepted = { ballot: ABSENT, head: NO_BYTES, chosen: true };

/** What one turn has staged and whom it owes an answer once that is durable. */
export class Turn {
  readonly accepts: AcceptWrite[] = [];
  readonly contents: ContentWrite[] = [];
  readonly extra: Partial<NodeWrites>[] = [];
  readonly erased: ErasedFile[] = [];
  readonly erasures: ErasureWrite[] = [];
  readonly staged = new Map<Path, Accepted>();
  readonly waiting: { readonly entry: Entry; readonly answer: AnswerBody }[] = [];
  ceiling: number | undefined;

  /** The commit puts the durable ceiling above a counter that is promised in this turn (P3). */
  raiseAbove(counter: BallotCounter, promised: number): void {
    if (promised >= counter.ceiling) this.ceiling = Math.max(this.ceiling ?? 0, counter.ceilingFor(promised));
  }

  /** Nothing is to be made durable. */
  get isEmpty(): boolean {
    const staged = this.accepts.length + this.contents.length + this.erased.length + this.erasures.length;
    return staged + this.extra.length === 0 && this.ceiling === undefined;
  }

  /** Everything staged as one commit; of what can be said once, the last word counts. The ceiling never falls below the durable one (P3). */
  writes(trims: readonly Trim[], durableCeiling: number): NodeWrites {
    const { accepts, contents, erased, erasures, extra, ceiling } = this;
    const last = <Key extends "map" | "followed" | "scrub">(key: Key) =>
      extra.findLast((writes) => writes[key] !== undefined)?.[key];
    const [map, followed, scrub] = [last("map"), last("followed"), last("scrub")];
    const ceilings = [ceiling, ...extra.map((writes) => writes.ceiling)].filter((each) => each !== undefined);
    return {
      dropped: extra.flatMap((writes) => writes.dropped ?? []),
      erased,
      erasures,
      accepts,
      contents,
      trims,
      chunks: extra.flatMap((writes) => writes.chunks ?? []),
      droppedChunks: extra.flatMap((writes) => writes.droppedChunks ?? []),
      doomed: extra.flatMap((writes) => writes.doomed ?? []),
      spared: extra.flatMap((writes) => writes.spared ?? []),
      cursors: extra.flatMap((writes) => writes.cursors ?? []),
      ...(ceilings.length > 0 ? { ceiling: Math.max(durableCeiling, ...ceilings) } : {}),
      ...(map === undefined ? {} : { map }),
      ...(followed === undefined ? {} : { followed }),
      ...(scrub === undefined ? {} : { scrub }),
    };
  }
}

/** The file whose bytes it writes. */
export function writtenBy({ body, learned, filling, erasing }: Entry): Path | undefined {
  return body.accept?.path ?? erasing?.path ?? learned?.path ?? filling?.path;
}
