/**
 * The fast read (P11): ask R replicas, content from one of them and ballots from the others; one round trip, nothing
 * written. Let m be the highest ballot answered. It is returned when a holder of exactly m knows it chosen, when N-R+1
 * answers hold exactly m, or when all R are absent; else further replicas are asked, and at last a coordinator settles
 * the file and that is awaited. When the file may have been erased between two answers, a holder of m is asked again (mayBeErased).
 *
 * Why that is linearizable (I4): anything chosen or returned before the read began is held, or extended, by W or by N-R+1
 * replicas, and either meets every set of R, so m is at least as new. And m will not be lost: it is chosen, or it stands on
 * N-R+1 replicas, which meet the R of every later phase 1, so a later proposal extends m. All absent needs only R: the
 * lowest ballot is known chosen, and anything chosen before would have been met. Ballots of old configurations are not counted (isCountable).
 */

import { assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { isOvertaken } from "../cluster/stale.ts";
import { LAST_ANSWERS_MS, QUORUM_PATIENCE_MS, READ_HEDGE_MS } from "../limits.ts";
import type { Cancel, Clock, Timers } from "../ports.ts";
import { headCodec } from "../wire/codec.ts";
import type { AnswerBody, Ballot, Configuration, Head, Held, RequestBody, Settled } from "../wire/messages.ts";
import { Want } from "../wire/messages.ts";
import { ABSENT, compareBallots, isAbsent, sameBallot } from "./ballot.ts";
import { mayBeErased, stillHolds } from "./erased.ts";
import { decisiveNeed, reaches, readNeed, Tally } from "./quorum.ts";

export interface RegisterRead {
  readonly ballot: Ballot;
  /** Undefined: the file is absent (never written, or erased). A deleted file has a head whose version is a tombstone. */
  readonly head: Head | undefined;
  /** The inline bytes asked for, where the replica that was asked for content holds them. Not verified yet. */
  readonly content: Uint8Array | undefined;
  /** Whose head and content this is. */
  readonly node: NodeNumber;
  readonly asked: readonly NodeNumber[];
  /** The read had to have the file settled. */
  readonly settled: boolean;
  /** Who answered with an older value, or none, where there is a newer one. */
  readonly behind: readonly NodeNumber[];
}

/** What a read learns from those before it and tells those after it (routing/replica-choice.ts). */
export interface ReadPace {
  /** A replica that has not answered after so long may be joined by one more … */
  readonly hedgeMs: number;
  /** … if this says so of those that are late: one gives no sign of life, or there is something left to spend on impatience. */
  mayReplace(late: readonly NodeNumber[]): boolean;
  answered(node: NodeNumber, tookMs: number): void;
  overdue(node: NodeNumber, tookMs: number): void;
}

export interface RegisterReadRequest {
  readonly path: Path;
  readonly configuration: Configuration;
  readonly want: "head" | "content";
  /** With content: whose bytes; 0 is the current version. */
  readonly version: number;
  /** Every replica of the configuration, best first. */
  readonly order: readonly NodeNumber[];
  readonly pace: ReadPace;
  call(node: NodeNumber, body: RequestBody, timeoutMs: number): Promise<AnswerBody>;
  /** Told of replicas that go by another configuration. */
  stale(node: NodeNumber): void;
  /** Has a coordinator settle the file; the answer's head is known chosen. */
  settle(budgetMs: number): Promise<Settled>;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly budgetMs: number;
}

/** @throws QdfsError QUORUM_UNAVAILABLE with its arithmetic; whatever `settle` throws; CONFIGURATION_STALE from a replica that goes by a newer map */
export function readRegister(request: RegisterReadRequest): Promise<RegisterRead> {
  return new Promise((resolve, reject) => new Reading(request, resolve, reject).begin());
}

interface Answered {
  readonly held: Held;
  /** Undefined: only the ballot was asked for, or there is none. */
  readonly head: Head | undefined;
}

class Reading {
  readonly #request: RegisterReadRequest;
  readonly #resolve: (read: RegisterRead) => void;
  readonly #reject: (error: unknown) => void;
  readonly #answers = new Map<NodeNumber, Answered>();
  readonly #asked: NodeNumber[] = [];
  /** By the place in `asked`. */
  readonly #askedAtMs: number[] = [];
  readonly #answered: Tally;
  readonly #startedMs: number;
  #next = 0;
  #cancelHedge: Cancel | undefined;
  #fetching = false;
  #done = false;

  constructor(request: RegisterReadRequest, resolve: (read: RegisterRead) => void, reject: (error: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#answered = new Tally(request.configuration, readNeed);
    this.#startedMs = request.clock.monotonicMs();
  }

  begin(): void {
    const chosen = new Set<NodeNumber>();
    for (const node of this.#request.order) {
      if (reaches(this.#request.configuration, readNeed, chosen)) break;
      chosen.add(node);
    }
    const wanted = this.#request.want === "content" ? Want.CONTENT : Want.HEAD;
    let first = true;
    this.#next = chosen.size;
    for (const node of chosen) {
      this.#ask(node, first ? wanted : Want.BALLOT, this.#startedMs);
      first = false;
    }
    this.#armHedge(this.#request.pace.hedgeMs);
  }

  #leftMs(nowMs = this.#request.clock.monotonicMs()): number {
    return Math.max(1, this.#request.budgetMs - (nowMs - this.#startedMs));
  }

  #ask(node: NodeNumber, want: Want, nowMs: number): void {
    const { path, version } = this.#request;
    this.#asked.push(node);
    this.#askedAtMs.push(nowMs);
    this.#request.call(node, { read: { path, want, version } }, Math.min(this.#leftMs(nowMs), QUORUM_PATIENCE_MS)).then(
      (answer) => {
        this.#request.pace.answered(node, this.#request.clock.monotonicMs() - nowMs); // also when it comes too late to be of use
        this.#answer(node, want, answer);
      },
      (error) => this.#failed(node, error),
    );
  }

  /** Since the node was asked. */
  #waitedMs(node: NodeNumber): number {
    const nowMs = this.#request.clock.monotonicMs();
    return nowMs - (this.#askedAtMs[this.#asked.indexOf(node)] ?? nowMs);
  }

  /** One more replica, with content this time: the first one may be the slow one. False when all were asked. */
  #askNext(): boolean {
    const node = this.#request.order[this.#next];
    if (node === undefined) return false;
    this.#next += 1;
    const want = this.#request.want === "content" ? Want.CONTENT : Want.HEAD;
    this.#ask(node, want, this.#request.clock.monotonicMs());
    return true;
  }

  #armHedge(delayMs: number): void {
    this.#cancelHedge = this.#request.timers.after(delayMs, () => this.#hedge());
  }

  /** Whoever has not answered yet takes longer than nearly all do: one more replica; when all were asked and R answered, a settle. */
  #hedge(): void {
    if (this.#done) return;
    const { pace, order } = this.#request;
    const late = this.#asked.filter((node) => !this.#answers.has(node) && !this.#answered.failed(node));
    for (const node of late) pace.overdue(node, this.#waitedMs(node));
    const undecided = this.#answered.vote() === "won" && !this.#fetching;
    const canGoOn = this.#next < order.length || undecided;
    if (canGoOn && pace.mayReplace(late) && !this.#askNext()) {
      this.#finish();
      this.#settle();
      return;
    }
    this.#armHedge(READ_HEDGE_MS);
  }

  #finish(): void {
    this.#done = true;
    this.#cancelHedge?.();
  }

  #failed(node: NodeNumber, error: unknown): void {
    if (this.#done) return;
    if (codeOf(error) === "CONFIGURATION_STALE") this.#request.stale(node);
    if (isOvertaken(error) || !(error instanceof QdfsError)) {
      this.#finish();
      this.#reject(error);
      return;
    }
    this.#answered.no(node, messageOf(error));
    if (this.#answered.vote() === "lost") {
      // Answers that are about to come make the arithmetic of the error complete.
      this.#cancelHedge?.();
      this.#cancelHedge = this.#request.timers.after(LAST_ANSWERS_MS, () => {
        this.#finish();
        this.#reject(this.#answered.unavailable("read"));
      });
      return;
    }
    this.#askNext();
    this.#askEnough();
    this.#decide();
  }

  /** Until those that have not failed would do. While joint, one failure can leave each of two sets one short. */
  #askEnough(): void {
    const hoped = (): readonly NodeNumber[] => this.#asked.filter((node) => !this.#answered.failed(node));
    while (!reaches(this.#request.configuration, readNeed, new Set(hoped())) && this.#askNext());
  }

  #answer(node: NodeNumber, want: Want, answer: AnswerBody): void {
    if (this.#done) return;
    try {
      this.#answers.set(node, answered(want, answer));
    } catch (error) {
      this.#failed(node, error);
      return;
    }
    this.#answered.yes(node);
    this.#decide();
  }

  #decide(): void {
    if (this.#answered.vote() !== "won") return;
    let highest: Ballot = ABSENT;
    for (const { held } of this.#answers.values()) if (compareBallots(held.ballot, highest) > 0) highest = held.ballot;
    const holders = new Set<NodeNumber>();
    let known = isAbsent(highest);
    for (const [node, { held }] of this.#answers) {
      if (!sameBallot(held.ballot, highest)) continue;
      holders.add(node);
      known ||= held.chosen;
    }
    known ||= isCountable(highest, this.#request.configuration) && reaches(this.#request.configuration, decisiveNeed, holders);
    if (known) this.#deliver(highest, holders);
    else if (this.#answers.size === this.#asked.length || this.#allOthersFailed()) this.#widenOrSettle();
  }

  /** Undecided with every answer in: ask more replicas; when there are none left, settle. */
  #widenOrSettle(): void {
    if (this.#askNext()) return;
    if (!this.#allOthersFailed()) return;
    this.#finish();
    this.#settle();
  }

  /** Every replica that was asked has answered or failed. */
  #allOthersFailed(): boolean {
    return this.#asked.every((node) => this.#answers.has(node) || this.#answered.failed(node));
  }

  #deliver(ballot: Ballot, holders: ReadonlySet<NodeNumber>): void {
    if (isAbsent(ballot)) {
      const [node] = holders;
      assert(node !== undefined, "an absent file has a holder of the absent ballot");
      this.#finish();
      this.#resolve({ ballot, head: undefined, content: undefined, node, asked: this.#asked, settled: false, behind: [] });
      return;
    }
    let best: { node: NodeNumber; held: Held; head: Head } | undefined;
    for (const node of holders) {
      const { held, head } = this.#answers.get(node) ?? {};
      if (held === undefined || head === undefined) continue;
      if (best === undefined || (held.contentHeld && !best.held.contentHeld)) best = { node, held, head };
    }
    if (best === undefined) {
      this.#fetchHead(holders);
      return;
    }
    this.#finish();
    const { node, held, head } = best;
    const content = held.contentHeld ? held.content : undefined;
    const behind = [...this.#answers.keys()].filter((each) => !holders.has(each));
    const read = { ballot, head, content, node, asked: this.#asked, settled: false, behind };
    if (behind.length > 0 && mayBeErased(head, this.#forgotten())) this.#resolveIfHeld(read);
    else this.#resolve(read);
  }

  /** Asks the holder again; if it does not say that it still is one, settling decides. */
  #resolveIfHeld(read: RegisterRead): void {
    const timeoutMs = Math.min(this.#leftMs(), QUORUM_PATIENCE_MS);
    stillHolds(this.#request.path, read.ballot, (body) => this.#request.call(read.node, body, timeoutMs))
      .catch((error: unknown) => {
        if (!(error instanceof QdfsError)) throw error;
        return false;
      })
      .then((isHeld) => (isHeld ? this.#resolve(read) : this.#settle()))
      .catch(this.#reject);
  }

  /** By those that hold nothing; 0: there are none, or nothing was erased beside the file. */
  #forgotten(): number {
    let newest = 0;
    for (const { held } of this.#answers.values()) newest = Math.max(newest, isAbsent(held.ballot) ? (held.forgotten ?? 0) : 0);
    return newest;
  }

  /**
   * The replica asked for the head was behind: ask a holder of m. What it answers may be newer than m by now; then that
   * is judged anew. When it cannot answer any more, or its head is damaged, settling decides.
   */
  #fetchHead(holders: ReadonlySet<NodeNumber>): void {
    const [node] = holders;
    if (this.#fetching || node === undefined) return;
    this.#fetching = true;
    const want = this.#request.want === "content" ? Want.CONTENT : Want.HEAD;
    const body = { read: { path: this.#request.path, want, version: this.#request.version } };
    const fetched = this.#request.call(node, body, Math.min(this.#leftMs(), 4 * READ_HEDGE_MS));
    fetched
      .then((answer) => answered(want, answer))
      .then(
        (answer) => {
          this.#fetching = false;
          if (this.#done) return;
          this.#answers.set(node, answer);
          this.#decide();
        },
        () => {
          this.#fetching = false;
          if (this.#done) return;
          this.#finish();
          this.#settle();
        },
      );
  }

  #settle(): void {
    this.#request
      .settle(this.#leftMs())
      .then(({ ballot, head }) =>
        this.#resolve({
          ballot,
          head: isAbsent(ballot) ? undefined : decodeHeld(head),
          content: undefined,
          node: ballot.node,
          asked: this.#asked,
          settled: true,
          behind: [],
        }),
      )
      .catch(this.#reject);
  }
}

/**
 * N-R+1 holders decide because every higher ballot's phase 1 met one of them. That goes for ballots of the configuration itself, and of the one before: its phases 1
 * met R of a set that stands in this one, too (one of the two is joint with the other's set in it). One from longer ago may have a higher one beside it whose phase 1
 * needed fewer: of five replicas with W=4 R=2 two hold m, and b is above it at the fifth, after promises of the third and fourth. With W=2 R=4 in force four
 * answers show m twice, which is N-R+1, and later ones show b.
 */
function isCountable(ballot: Ballot, { number }: Configuration): boolean {
  return ballot.configuration + 1 >= number;
}

/** What a replica answered to a read, its head decoded. @throws QdfsError: it is of no use, as if there were none */
function answered(want: Want, { held }: AnswerBody): Answered {
  if (!held) throw new QdfsError("BAD_REQUEST", "answered a read with something else");
  if (want === Want.BALLOT || isAbsent(held.ballot)) return { held, head: undefined };
  return { held, head: decodeHeld(held.head) };
}

/** The head that a replica holds. @throws QdfsError CORRUPT */
export function decodeHeld(head: Uint8Array): Head {
  try {
    return headCodec.decode(head);
  } catch (error) {
    throw new QdfsError("CORRUPT", `holds a damaged head: ${messageOf(error)}`);
  }
}
