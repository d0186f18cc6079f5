/**
 * The two phases of CASPaxos (Rystsov 2018) with flexible quorums (Howard 2016) over a port to the replicas. A proposer holds
 * no state: what it learns of the ballots it returns, and the coordinator decides what comes next.
 */
import { isDefinite, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { isOvertaken } from "../cluster/stale.ts";
import { LAST_ANSWERS_MS, PREPARE_HEDGE_MS, QUORUM_PATIENCE_MS } from "../limits.ts";
import type { Cancel, Timers } from "../ports.ts";
import { headCodec } from "../wire/codec.ts";
import type { Accept, AnswerBody, Ballot, Configuration, Head, Promised, RequestBody } from "../wire/messages.ts";
import { ABSENT, compareBallots, highestBallot, isAbsent, sameBallot } from "./ballot.ts";
import { mayBeErased } from "./erased.ts";
import { reaches, readNeed, Tally, type Vote, writeNeed } from "./quorum.ts";

/** How the proposer reaches the replicas; calls reject as Session.call does. */
export interface Replicas {
  call(node: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody>;
  /** Best first; the proposer's own replica before all others. */
  inOrder(nodes: readonly NodeNumber[]): NodeNumber[];
  /** For one prepare. */
  hedging(): Hedging;
}

export interface Hedging {
  /** A replica that has not promised after so long may be joined by one more … */
  readonly afterMs: number;
  /** … if this says so, of those that have not answered for `waitedMs`. */
  mayReplace(late: readonly NodeNumber[], waitedMs: number): boolean;
}

export type Prepared =
  | {
      readonly kind: "promised";
      /** The highest accepted ballot that the R promises showed, and the value accepted at it. */
      readonly accepted: Ballot;
      readonly head: Uint8Array;
      /** P6: a holder has the hint, or W of the answers hold exactly this ballot, or the file is absent. */
      readonly knownChosen: boolean;
      readonly holders: ReadonlySet<NodeNumber>;
      readonly forgotten: number;
      /** The file may have been erased between two of the promises (mayBeErased): a holder has to be asked again. */
      readonly inDoubt: boolean;
    }
  | { readonly kind: "refused"; readonly floor: Ballot };

export type Proposed =
  /** W replicas of each set hold it durably: it is chosen. */
  | { readonly kind: "chosen"; readonly acks: number }
  /** Replicas have promised a higher ballot. If one may have taken it, it may still come out that it was chosen: phase 1 tells. */
  | { readonly kind: "refused"; readonly floor: Ballot; readonly mayHaveTaken: boolean }
  /** Too few answered; it may or may not become chosen. */
  | { readonly kind: "undecided"; readonly error: QdfsError }
  /** No replica took it and none can take it any more: it will never be chosen. */
  | { readonly kind: "failed"; readonly error: QdfsError };

export interface Round {
  readonly path: Path;
  readonly configuration: Configuration;
  readonly ballot: Ballot;
  /** The counter of a ballot to be promised along with the accept (P7). */
  readonly next?: number;
  readonly replicas: readonly NodeNumber[];
}

/**
 * Phase 1: R promises of every set for `ballot`. Asks R replicas, one more when one fails, or is late and may be replaced.
 * @throws QdfsError QUORUM_UNAVAILABLE with its arithmetic; nothing was proposed
 */
export function prepare(round: Round, replicas: Replicas, timers: Timers): Promise<Prepared> {
  const { path, configuration, ballot } = round;
  const order = replicas.inOrder(round.replicas);
  const tally = new Tally(configuration, readNeed);
  const promises = new Map<NodeNumber, Promised>();
  return new Promise((resolve, reject) => {
    let next = 0;
    let done = false;
    let cancelHedge: Cancel | undefined;
    const finish = (): void => {
      done = true;
      cancelHedge?.();
    };
    const askNext = (): boolean => {
      const node = order[next];
      if (node === undefined) return false;
      next += 1;
      replicas.call(node, configuration.number, { prepare: { path, ballot } }, QUORUM_PATIENCE_MS).then(
        (answer) => {
          if (!done) answered(node, answer);
        },
        (error) => {
          if (!done) failed(node, error);
        },
      );
      return true;
    };
    /** Until those that have not failed would do. While joint, one failure can leave each of two sets one short. */
    const askEnough = (): void => {
      const hoped = (): readonly NodeNumber[] => order.slice(0, next).filter((node) => !tally.failed(node));
      while (!reaches(configuration, readNeed, new Set(hoped())) && askNext());
    };
    const answered = (node: NodeNumber, answer: AnswerBody): void => {
      if (answer.refused) {
        finish();
        resolve({ kind: "refused", floor: answer.refused.floor });
      } else if (answer.promised) {
        tally.yes(node);
        promises.set(node, answer.promised);
        if (tally.vote() !== "won") return;
        finish();
        resolve(evaluate(configuration, promises));
      } else failed(node, new QdfsError("BAD_REQUEST", "answered a prepare with something else"));
    };
    const failed = (node: NodeNumber, error: unknown): void => {
      if (mustSurface(error)) {
        finish();
        reject(error);
        return;
      }
      tally.no(node, messageOf(error));
      if (tally.vote() === "lost") giveUp();
      else {
        askNext();
        askEnough();
      }
    };
    // Lost, but answers that are about to come make the arithmetic of the error complete.
    const giveUp = (): void => {
      cancelHedge?.();
      cancelHedge = timers.after(LAST_ANSWERS_MS, () => {
        finish();
        reject(tally.unavailable("write"));
      });
    };
    const { afterMs, mayReplace } = replicas.hedging();
    let waitedMs = 0;
    const hedge = (delayMs: number): void => {
      if (next >= order.length) return;
      cancelHedge = timers.after(delayMs, () => {
        waitedMs += delayMs;
        const late = order.slice(0, next).filter((node) => !promises.has(node) && !tally.failed(node));
        if (mayReplace(late, waitedMs)) askNext();
        hedge(PREPARE_HEDGE_MS);
      });
    };
    askEnough();
    hedge(afterMs);
  });
}

/** A bug, or a map that is older than the others': not one replica's trouble. */
function mustSurface(error: unknown): boolean {
  return !(error instanceof QdfsError) || isOvertaken(error) || error.code === "WRONG_CLUSTER";
}

function evaluate(configuration: Configuration, promises: ReadonlyMap<NodeNumber, Promised>): Prepared {
  let accepted: Ballot = ABSENT;
  let forgotten = 0;
  let forgottenByAbsent = 0;
  for (const promised of promises.values()) {
    if (compareBallots(promised.ballot, accepted) > 0) accepted = promised.ballot;
    forgotten = Math.max(forgotten, promised.forgotten);
    if (isAbsent(promised.ballot)) forgottenByAbsent = Math.max(forgottenByAbsent, promised.forgotten);
  }
  const holders = new Set<NodeNumber>();
  let head: Uint8Array = new Uint8Array(0);
  let knownChosen = isAbsent(accepted);
  for (const [node, promised] of promises) {
    if (!sameBallot(promised.ballot, accepted)) continue;
    holders.add(node);
    head = holders.size === 1 ? promised.head : intactOf(head, promised.head);
    knownChosen ||= promised.chosen;
  }
  // Of another configuration's ballot W of this one's sets say nothing: it may have been accepted by W of one of two.
  knownChosen ||= accepted.configuration === configuration.number && reaches(configuration, writeNeed, holders);
  const inDoubt = !isAbsent(accepted) && forgottenByAbsent > 0 && isInDoubt(head, forgottenByAbsent);
  return { kind: "promised", accepted, head, knownChosen, holders, forgotten, inDoubt };
}

/** So is what cannot be read. */
function isInDoubt(bytes: Uint8Array, forgotten: number): boolean {
  const head = decoded(bytes);
  return head === undefined || mayBeErased(head, forgotten);
}

/** One ballot, one value (I3): where two replicas' bytes differ one is damaged, and the other is taken if that can be told. */
function intactOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) === 0 || decoded(a) !== undefined ? a : b;
}

/** Undefined: it is damaged. */
function decoded(head: Uint8Array): Head | undefined {
  try {
    return headCodec.decode(head);
  } catch {
    return undefined;
  }
}

/** How many replicas hold the value, whether it is chosen, and how many have not answered yet. */
export type OnAccept = (acks: number, chosen: boolean, open: number) => void;

/** Phase 1 in the accept (P24, folded.ts): `self` has promised the ballot, and knows what it accepted at `base` chosen. */
export interface Folding {
  readonly self: NodeNumber;
  readonly base: Ballot;
  /** What the base has forgotten. */
  readonly forgotten: number;
}

/**
 * Phase 2: sends the value to every replica and resolves when W of every set hold it, or when that cannot come any more.
 * `onAccept` is called whenever a replica has answered or failed, also after the value is chosen.
 */
export function propose(
  round: Round,
  value: Pick<Accept, "head" | "content" | "random" | "inline">,
  replicas: Replicas,
  onAccept: OnAccept,
  folding?: Folding,
): Promise<Proposed> {
  const { path, configuration, ballot, next } = round;
  const tally = new Tally(configuration, writeNeed);
  const accept = { path, ballot, next, ...value };
  let floor: Ballot = ABSENT;
  let full: QdfsError | undefined;
  let unclear = false;
  let open = round.replicas.length;
  let done = false;
  /** Our own replica, while it waits for another one to take the value first (P24). */
  let own = folding?.self;
  return new Promise((resolve, reject) => {
    const finish = (proposed: Proposed): void => {
      done = true;
      resolve(proposed);
    };
    const settleVote = (vote: Vote): void => {
      const mayHaveTaken = unclear || tally.count > 0;
      if (vote === "won") finish({ kind: "chosen", acks: tally.count });
      else if (vote === "pending") return;
      else if (!isAbsent(floor)) finish({ kind: "refused", floor, mayHaveTaken: mayHaveTaken || open > 0 });
      else if (open > 0)
        return; // a lost vote waits for the last answers, to say for certain that nobody took it
      else if (mayHaveTaken) finish({ kind: "undecided", error: tally.unavailable("write") });
      else finish({ kind: "failed", error: full ?? tally.unavailable("write") });
    };
    const closed = (node: NodeNumber, cause: string): void => {
      tally.no(node, cause);
      open -= 1;
      if (own === undefined || open > 1) return;
      tally.no(own, "was not asked, for no other replica took it");
      own = undefined;
      open = 0;
    };
    const took = (node: NodeNumber): void => {
      tally.yes(node);
      open -= 1;
      const later = own;
      own = undefined;
      if (later !== undefined && !done) send(later, { accept });
    };
    const answered = (node: NodeNumber, answer: AnswerBody): void => {
      if (answer.accepted) took(node);
      else if (answer.refused) {
        floor = highestBallot(floor, answer.refused.floor);
        closed(node, "has promised a higher ballot");
      } else {
        unclear = true;
        closed(node, "answered an accept with something else");
      }
    };
    const failed = (node: NodeNumber, error: unknown): void => {
      if (!(error instanceof QdfsError)) throw error;
      if (error.code === "STORAGE_FULL") full = error;
      unclear ||= !isDefinite(error.code);
      closed(node, messageOf(error));
    };
    const send = (node: NodeNumber, body: RequestBody): void => {
      replicas
        .call(node, configuration.number, body, QUORUM_PATIENCE_MS)
        .then(
          (answer) => answered(node, answer),
          (error) => failed(node, error),
        )
        .then(() => {
          const vote = tally.vote();
          onAccept(tally.count, vote === "won", open);
          settleVote(vote);
        }, reject);
    };
    // The others first: their accepts leave before our own replica's fsync begins, so that the fsyncs run side by side.
    const body = { accept: folding === undefined ? accept : { ...accept, base: folding.base, forgotten: folding.forgotten } };
    const ownNow = own === undefined && round.replicas.includes(ballot.node);
    for (const node of round.replicas) if (node !== ballot.node) send(node, body);
    if (ownNow) send(ballot.node, body);
  });
}
