/** One turn of the replica: what it was asked, what it has staged, whom it owes an answer once that is durable. */
import type { Path } from "../base/ids.ts";
import type { AcceptWrite, NodeWrites, Trim } from "../ports.ts";
import type { AnswerBody, Ballot, RequestBody } from "../wire/messages.ts";

export type Reply = (answer: AnswerBody) => void;

/** A value that is known chosen, taken over from a peer. */
export type Learned = Omit<AcceptWrite, "chosen"> & {
  /** What is held at this very ballot is damaged: the same value takes its place (one ballot, one value: I3). */
  readonly mends?: boolean;
};

export interface Entry {
  readonly body: RequestBody;
  readonly learned?: Learned;
  readonly writes?: Partial<NodeWrites>;
  readonly reply: Reply;
}

/** What a replica has accepted for a file. */
export interface Accepted {
  readonly ballot: Ballot;
  readonly head: Uint8Array;
  /** Known chosen, on disk or by a hint. */
  readonly chosen: boolean;
}

export class Turn {
  readonly accepts: AcceptWrite[] = [];
  readonly extra: Partial<NodeWrites>[] = [];
  readonly staged = new Map<Path, Accepted>();
  readonly waiting: { readonly entry: Entry; readonly answer: AnswerBody }[] = [];
  ceiling: number | undefined;

  /** Nothing is to be made durable. */
  get isEmpty(): boolean {
    return this.accepts.length === 0 && this.extra.length === 0 && this.ceiling === undefined;
  }

  /** Everything staged as one commit; of what can be said once, the last word counts. */
  writes(trims: readonly Trim[]): NodeWrites {
    const { accepts, extra, ceiling } = this;
    const last = <Key extends "map" | "scrub">(key: Key) => extra.findLast((writes) => writes[key] !== undefined)?.[key];
    const [map, scrub] = [last("map"), last("scrub")];
    const ceilings = [ceiling, ...extra.map((writes) => writes.ceiling)].filter((each) => each !== undefined);
    return {
      accepts,
      trims,
      chunks: extra.flatMap((writes) => writes.chunks ?? []),
      droppedChunks: extra.flatMap((writes) => writes.droppedChunks ?? []),
      cursors: extra.flatMap((writes) => writes.cursors ?? []),
      contents: extra.flatMap((writes) => writes.contents ?? []),
      ...(ceilings.length > 0 ? { ceiling: Math.max(...ceilings) } : {}),
      ...(map === undefined ? {} : { map }),
      ...(scrub === undefined ? {} : { scrub }),
    };
  }
}
