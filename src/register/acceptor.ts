/**
 * The acceptor of one replica (P1-P5), as pure decisions over a view of what is accepted. The caller (datanode/replica.ts)
 * hands it the requests of one batch in order, and commits what they staged before it answers any of them: so the promise
 * check and the write are one step, and nothing uncommitted is ever shown (P1).
 */
import type { Path } from "../base/ids.ts";
import { COUNTER_LEAP_MAX } from "../limits.ts";
import type { Erasure } from "../ports.ts";
import type { Ballot } from "../wire/messages.ts";
import { ABSENT, compareBallots, highestBallot, isAbsent } from "./ballot.ts";
import type { BallotCounter } from "./counter.ts";
import { NOTHING_ERASED } from "./erased.ts";
import { PromiseTable } from "./promises.ts";

/** The accepted value of a file as the acceptor needs to know it; ABSENT for none. */
export interface AcceptedView {
  readonly ballot: Ballot;
}

export type AcceptorVerdict = { readonly kind: "ok" } | { readonly kind: "refused"; readonly floor: Ballot };

const OK: AcceptorVerdict = { kind: "ok" };

/** Sorts above every real node number. */
const ANY_NODE = 2 ** 32 - 1;

export class Acceptor {
  readonly #counter: BallotCounter;
  readonly #promises: PromiseTable;

  readonly #erasure: (path: Path) => Erasure;

  /** `erasure`: of a file's partition. */
  constructor(counter: BallotCounter, promises = new PromiseTable(), erasure: (path: Path) => Erasure = () => NOTHING_ERASED) {
    this.#counter = counter;
    this.#promises = promises;
    this.#erasure = erasure;
  }

  /**
   * floor(file) of P2: the highest of the ceiling at start, the promises of this life, the accepted and the erased ballot. Each only
   * rises. Ballots are compared within the one configuration that the replica has adopted (P5), so the ceiling, which is a
   * counter, is placed in the configuration of the ballot it is held against.
   */
  #floor(path: Path, accepted: AcceptedView, configuration: number): Ballot {
    const { ceilingAtStart } = this.#counter;
    const ceiling = ceilingAtStart === 0 ? ABSENT : { configuration, counter: ceilingAtStart - 1, node: ANY_NODE };
    const voted = highestBallot(this.#promises.floor(path, configuration), accepted.ballot);
    return highestBallot(highestBallot(ceiling, voted), this.#erasure(path).floor);
  }

  /**
   * `prepare(b)` needs b above the floor; then b is promised. The answer must not leave before the durable ceiling is
   * above b's counter (P3), which the caller sees to.
   */
  prepare(path: Path, ballot: Ballot, accepted: AcceptedView): AcceptorVerdict {
    const floor = this.#floor(path, accepted, ballot.configuration);
    if (compareBallots(ballot, floor) <= 0) return { kind: "refused", floor };
    if (this.#isLeap(ballot.counter)) return { kind: "refused", floor };
    this.#counter.observe(ballot.counter);
    this.#promises.promise(path, ballot);
    return OK;
  }

  /** Further than any honest peer's counter is from ours (P4). */
  #isLeap(counter: number): boolean {
    return counter - this.#counter.current() > COUNTER_LEAP_MAX;
  }

  /**
   * `accept(b)` needs b at or above the floor. A counter's leap is no reason to refuse an accept (P4). An accept of the very ballot that
   * was erased may still be on its way: not even that is taken (P14, I9). With `next`, the coordinator's ballot of that counter is promised
   * in the same step (P7, next-promise.ts): it is above b (check-request.ts), so above the floor. As with every promise, a leap is refused, and the answer must
   * not leave before the durable ceiling is above its counter (P3).
   */
  accept(path: Path, ballot: Ballot, accepted: AcceptedView, next = 0): AcceptorVerdict {
    const floor = this.#floor(path, accepted, ballot.configuration);
    const isBelow = compareBallots(ballot, floor) < 0 || !this.#isAboveErased(path, ballot);
    return isBelow || this.#isLeap(next) ? { kind: "refused", floor } : this.#takes(path, ballot, next);
  }

  #takes(path: Path, ballot: Ballot, next: number): AcceptorVerdict {
    this.#counter.observe(Math.max(ballot.counter, next));
    if (next > 0) this.#promises.promise(path, { ...ballot, counter: next });
    return OK;
  }

  #isAboveErased(path: Path, ballot: Ballot): boolean {
    return compareBallots(ballot, this.#erasure(path).floor) > 0;
  }

  /**
   * `accept(b)` that asks for the promise of b as well (P24, folded.ts), and of `next`: taken as if `prepare(b)` had come before it, and only
   * if what is accepted here is not above `base`. The promise needs no table: the accept that it becomes is a floor by itself. A base that
   * has `forgotten` less than what was erased here is no base (P14): the operation may have been done, and erased.
   */
  acceptFolded(path: Path, ballot: Ballot, base: Ballot, accepted: AcceptedView, forgotten = 0, next = 0): AcceptorVerdict {
    const floor = this.#floor(path, accepted, ballot.configuration);
    const wouldPromise = compareBallots(ballot, floor) > 0 && !this.#isLeap(Math.max(ballot.counter, next));
    const remembersMore = isAbsent(accepted.ballot) && this.#erasure(path).forgotten > forgotten;
    const isNoBase = remembersMore || compareBallots(accepted.ballot, base) > 0;
    return !wouldPromise || isNoBase ? { kind: "refused", floor } : this.#takes(path, ballot, next);
  }

  /**
   * A value that is known chosen at `ballot` may be taken over whatever has been promised, if what is accepted here is
   * older. It is no vote: the ballot was chosen by W accepts before, so every later phase 1 meets it anyway, and that this
   * replica reports it too changes no count from undecided to decided wrongly. What was erased is not learned again (I9).
   */
  learns(path: Path, ballot: Ballot, accepted: AcceptedView): boolean {
    return compareBallots(ballot, accepted.ballot) > 0 && this.#isAboveErased(path, ballot);
  }

  /** To be called when an accept is durable: its promise is covered by it. */
  accepted(path: Path, ballot: Ballot): void {
    this.#promises.covered(path, ballot);
  }
}
