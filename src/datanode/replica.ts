/**
 * The replica: executes what arrived together, from everyone, in one commit (group commit, P1). What writes queues in an
 * inbox; a turn takes it in order, lets the acceptor decide each accept against what is committed plus what this turn has
 * staged, commits the staged writes with one fsync, and only then answers whatever depends on them. While a commit runs the
 * next batch forms.
 *
 * What only looks (prepare, read, fetch) is answered at once, from memory or by a look-up, unless an accept of that very file
 * waits or is being committed: then it takes its turn behind it. So nothing uncommitted is ever shown, the promise check and
 * the write are one step, and nobody waits for the fsync of another file.
 */
import { assert, codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { COMMIT_REQUESTS_MAX } from "../limits.ts";
import type { AcceptWrite, Erasure, NodeStore, NodeWrites, Runtime } from "../ports.ts";
import { Acceptor } from "../register/acceptor.ts";
import { compareBallots, isAbsent, plainBallot, sameBallot } from "../register/ballot.ts";
import type { BallotCounter } from "../register/counter.ts";
import { Erasures } from "../register/erased.ts";
import { errorOf, failureAnswer } from "../wire/failure.ts";
import {
  type Accept,
  type AnswerBody,
  type Chosen,
  type ClusterMap,
  type Fetch,
  type Prepare,
  type Read,
  type RequestBody,
  Want,
} from "../wire/messages.ts";
import { ErasingTurn, type ReplicaMaps } from "./erasing-turn.ts";
import { Inbox } from "./inbox.ts";
import { inlineBytes } from "./inline-bytes.ts";
import { Superseded } from "./superseded.ts";
import {
  type Accepted,
  type Entry,
  type Erasing,
  type Filling,
  type Learned,
  type Leftovers,
  NO_BYTES,
  NOTHING,
  type Remembering,
  type Reply,
  Turn,
} from "./turn.ts";

/** The turn of what only looks: it never stages anything. */
const LOOK = new Turn();

export class Replica {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #counter: BallotCounter;
  readonly #acceptor: Acceptor;
  readonly #inbox = new Inbox();
  /** The turn that is being committed. */
  #committing: Turn | undefined;
  readonly #betweenCommits: (() => void)[] = [];
  /** Hints that came before their accept was committed; they are looked at again after each commit. */
  #early: Chosen[] = [];
  readonly #superseded: Superseded;
  readonly #watchers = new Set<() => void>();
  #scheduled = false;
  #running: Promise<void> = Promise.resolve();
  readonly #onFatal: (error: unknown) => void;
  readonly #maps: ReplicaMaps;
  readonly #erasures: Erasures;
  readonly #erasing: ErasingTurn;
  /** The last commit failed for want of room. */
  full = false;

  constructor(runtime: Runtime, store: NodeStore, counter: BallotCounter, onFatal: (error: unknown) => void, maps: ReplicaMaps) {
    this.#runtime = runtime;
    this.#store = store;
    this.#counter = counter;
    this.#maps = maps;
    this.#erasures = new Erasures(store.erasures());
    this.#erasing = new ErasingTurn(this.#erasures, maps);
    this.#acceptor = new Acceptor(counter, undefined, (path) => this.#erasures.of(maps.partitionOf(path)));
    this.#onFatal = onFatal;
    this.#superseded = new Superseded(store, runtime.log);
  }

  /** Prepare, accept, read and fetch. `reply` is called once, after everything the answer claims is durable (I1). */
  submit(body: RequestBody, reply: Reply): void {
    this.#enqueue({ body, reply });
  }

  /** Takes over a value known chosen; resolves when it is durable, or at once when what is held here is as new. */
  learn(learned: Learned): Promise<void> {
    return this.#durable({ body: {}, learned });
  }

  /** Puts good bytes of a version in the place of bad or missing ones; resolves when they are durable, or the accepted head does not name it. */
  fill(filling: Filling): Promise<void> {
    return this.#durable({ body: {}, filling });
  }

  /** Adopts a map, and drops what is held of partitions that it says are joined: one commit (P15, P16). */
  adopt(map: ClusterMap, { paths, chunks }: Leftovers, inForce: () => void): Promise<void> {
    return this.#durable({ body: {}, writes: { map, dropped: paths, droppedChunks: chunks }, committed: inForce });
  }

  /** P14: `reply` says whether this replica is ready, or has erased it. */
  erase(erasing: Erasing, reply: Reply): void {
    this.#enqueue({ body: {}, erasing, reply });
  }

  /** What was erased of a partition here (P14). */
  erasureOf(partition: number): Erasure {
    return this.#erasures.of(partition);
  }

  /** Remembers, durably, what replicas from which this one takes a partition over have forgotten (P16). */
  remember(remembering: Remembering): Promise<void> {
    return this.#durable({ body: {}, remembering });
  }

  /** Drops what `leftovers` says when its turn has come. */
  drop(leftovers: () => Leftovers): Promise<void> {
    return this.#durable({ body: {}, drops: leftovers });
  }

  /** Makes node-level writes (chunk rows, the map, cursors) durable in the next commit. */
  write(writes: Partial<NodeWrites>): Promise<void> {
    return this.#durable({ body: {}, writes });
  }

  /** A hint that `ballot` is chosen for the file. */
  chosen(hint: Chosen): void {
    if (!this.#choose(hint) && this.#scheduled && this.#early.length < COMMIT_REQUESTS_MAX) this.#early.push(hint);
  }

  /** True when the hint was about what is accepted. One about a damaged row is dropped: it is worth nothing but time. */
  #choose({ path, ballot }: Chosen): boolean {
    try {
      if (!this.#store.choose(path, ballot)) return false;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return false;
    }
    this.#superseded.chosen(path);
    return true;
  }

  /** The committed accepted value, with what is known of its being chosen. */
  accepted(path: Path): Accepted {
    return this.#store.register(path) ?? NOTHING;
  }

  content(path: Path, random: string): Uint8Array | undefined {
    return this.#store.content(path, random);
  }

  /** An accept of the file waits for the disk, and with it whoever asks about the file. */
  isWriting(path: Path): boolean {
    return this.#inbox.writes(path) || this.#committing?.staged.has(path) === true;
  }

  /** Calls `run` after every commit that accepted something, until cancelled. */
  watch(run: () => void): () => void {
    this.#watchers.add(run);
    return () => void this.#watchers.delete(run);
  }

  /** Resolves when everything submitted so far is committed and answered, hints included. */
  async flush(): Promise<void> {
    await this.write({});
    await this.#running;
  }

  /** Runs now, or when the commit under way has ended: for what reads more of the store than single files. */
  betweenCommits(run: () => void): void {
    if (this.#committing === undefined) run();
    else this.#betweenCommits.push(run);
  }

  /** What `read` finds in the store between two commits; a turn of the event loop passes first, so that pages do not add up. */
  lookThrough<T>(read: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#runtime.timers.soon(() =>
        this.betweenCommits(() => {
          try {
            resolve(read());
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }

  get depth(): number {
    return this.#inbox.size;
  }

  /** Raises the durable ceiling so that the counter can issue ballots (P3). */
  async raiseCeiling(): Promise<void> {
    await this.write({ ceiling: this.#counter.ceilingFor(this.#counter.ceiling) });
  }

  #durable(entry: Omit<Entry, "reply">): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#enqueue({
        ...entry,
        reply: ({ failure: failed }) => (failed ? reject(errorOf(failed)) : resolve()),
      });
    });
  }

  #enqueue(entry: Entry): void {
    if (this.#onlyLooks(entry)) {
      this.#executeOrFail(entry, LOOK);
      return;
    }
    if (this.#inbox.isFull) {
      entry.reply(failureAnswer(new QdfsError("OVERLOADED", "the replica's queue is full")));
      return;
    }
    this.#inbox.push(entry);
    this.#schedule();
  }

  /** True for what changes nothing on disk and depends on nothing that is on its way there. */
  #onlyLooks({ body }: Entry): boolean {
    const about = body.prepare ?? body.read ?? body.fetch;
    if (!about || this.isWriting(about.path)) return false;
    return !body.prepare || body.prepare.ballot.counter < this.#counter.ceiling;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true; // until the inbox is empty and what was in it is committed
    this.#runtime.timers.soon(() => {
      this.#running = this.#run().catch(this.#onFatal);
    });
  }

  async #run(): Promise<void> {
    try {
      do {
        await this.#turn(this.#inbox.take());
      } while (this.#inbox.size > 0);
    } finally {
      this.#scheduled = false;
    }
    if (this.#inbox.size > 0) this.#schedule();
  }

  async #turn(entries: readonly Entry[]): Promise<void> {
    const turn = new Turn();
    for (const entry of entries) this.#executeOrFail(entry, turn);
    const writes = this.#writes(turn);
    if (writes === undefined) {
      for (const { entry, answer } of turn.waiting) entry.reply(answer);
      return;
    }
    this.#committing = turn;
    try {
      await this.#store.commit(writes);
    } catch (error) {
      if (codeOf(error) !== "STORAGE_FULL") throw error;
      this.#committing = undefined;
      this.#refuseAll(turn, error);
      this.#trimAlone(turn, writes);
      for (const run of this.#betweenCommits.splice(0)) run();
      return;
    } finally {
      this.#committing = undefined;
    }
    this.full = false;
    this.#committed(turn, writes);
    for (const run of this.#betweenCommits.splice(0)) run();
  }

  #committed(turn: Turn, writes: NodeWrites): void {
    if (writes.ceiling !== undefined && writes.ceiling > this.#counter.ceiling) this.#counter.raise(writes.ceiling);
    for (const [path, accepted] of turn.staged) {
      this.#acceptor.accepted(path, accepted.ballot);
      if (accepted.chosen) this.#superseded.chosen(path);
    }
    for (const { entry } of turn.waiting) entry.committed?.();
    const early = this.#early;
    this.#early = [];
    for (const hint of early) if (!this.#choose(hint) && this.#inbox.writes(hint.path)) this.#early.push(hint);
    for (const { entry, answer } of turn.waiting) entry.reply(answer);
    if (turn.accepts.length + turn.contents.length + turn.erased.length > 0) for (const run of this.#watchers) run();
  }

  /**
   * No room: nothing of the turn was written. What wanted to write fails. A promise stands, and is answered with what is
   * committed; a read is decided again.
   */
  #refuseAll(turn: Turn, error: unknown): void {
    this.full = true;
    this.#runtime.log.warn("commit refused", { reason: messageOf(error) });
    for (const { entry, answer } of turn.waiting) {
      const { prepare, read } = entry.body;
      if (prepare && prepare.ballot.counter < this.#counter.ceiling) {
        entry.reply(answer.promised ? this.#promised(prepare.path, this.accepted(prepare.path)) : answer);
      } else if (read) this.#inbox.push(entry);
      else entry.reply(failureAnswer(new QdfsError("STORAGE_FULL", `no room on this DataNode: ${messageOf(error)}`)));
    }
  }

  /** What would make room must not wait for what needs it. */
  #trimAlone(turn: Turn, { trims }: NodeWrites): void {
    this.#superseded.again(trims);
    if (trims.length === 0 || turn.accepts.length === 0) return;
    this.write({}).catch((error: unknown) => {
      if (codeOf(error) !== "STORAGE_FULL") this.#onFatal(error);
    });
  }

  #writes(turn: Turn): NodeWrites | undefined {
    if (turn.isEmpty) return undefined;
    if (turn.ceiling === undefined && this.#counter.wantsRoom) turn.ceiling = this.#counter.ceilingFor(this.#counter.ceiling);
    return turn.writes(this.#superseded.takeTrims(), this.#counter.ceiling);
  }

  /** Committed plus what this turn has staged. */
  #view(path: Path, turn: Turn): Accepted {
    return turn.staged.get(path) ?? this.accepted(path);
  }

  /** Answers now, or after the commit when the answer depends on what is staged. */
  #answer(entry: Entry, path: Path, turn: Turn, answer: AnswerBody): void {
    if (turn.staged.has(path)) turn.waiting.push({ entry, answer });
    else entry.reply(answer);
  }

  /** One entry that cannot be executed (a stored head that does not decode) fails alone. */
  #executeOrFail(entry: Entry, turn: Turn): void {
    try {
      this.#execute(entry, turn);
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      entry.reply(failureAnswer(error));
    }
  }

  #execute(entry: Entry, turn: Turn): void {
    const { body } = entry;
    if (body.accept) this.#accept(entry, body.accept, turn);
    else if (body.prepare) this.#prepare(entry, body.prepare, turn);
    else if (body.read) this.#read(entry, body.read, turn);
    else if (body.fetch) this.#fetch(entry, body.fetch, turn);
    else if (entry.erasing) this.#erase(entry, entry.erasing, turn);
    else if (entry.remembering) this.#erasing.remember(entry, entry.remembering, turn);
    else if (entry.learned) this.#learn(entry, entry.learned, turn);
    else if (entry.filling) this.#fill(entry, entry.filling, turn);
    else if (entry.drops) {
      const { paths, chunks } = entry.drops();
      turn.extra.push({ dropped: paths, droppedChunks: chunks });
      turn.waiting.push({ entry, answer: {} });
    } else if (entry.writes) {
      turn.extra.push(entry.writes);
      turn.waiting.push({ entry, answer: {} });
    } else assert(false, "a replica executes prepare, accept, read, fetch, learned values, fetched bytes and node writes");
  }

  /**
   * P5, once more and for good: what waited here was let in by the map of that moment. Whatever is accepted after a newer one was
   * adopted would be missed by those who count on the adoption: the barrier and the scan of P16.
   */
  #checkForce(path: Path, configuration: number): void {
    if (this.#maps.numberOf(path) === configuration) return;
    throw new QdfsError("CONFIGURATION_STALE", `the configuration of ${path} has changed meanwhile, from ${configuration}`);
  }

  #prepare(entry: Entry, { path, ballot }: Prepare, turn: Turn): void {
    this.#checkForce(path, ballot.configuration);
    const accepted = this.#view(path, turn);
    const verdict = this.#acceptor.prepare(path, plainBallot(ballot), accepted);
    if (verdict.kind === "refused") {
      this.#answer(entry, path, turn, { refused: { floor: verdict.floor } });
      return;
    }
    const answer = this.#promised(path, accepted);
    if (ballot.counter >= this.#counter.ceiling) {
      turn.raiseAbove(this.#counter, ballot.counter);
      turn.waiting.push({ entry, answer });
    } else this.#answer(entry, path, turn, answer);
  }

  #accept(entry: Entry, accept: Accept, turn: Turn): void {
    const { path } = accept;
    const ballot = plainBallot(accept.ballot);
    this.#checkForce(path, ballot.configuration);
    const accepted = this.#view(path, turn);
    const verdict = accept.base
      ? this.#acceptor.acceptFolded(path, ballot, accept.base, accepted, accept.forgotten, accept.next)
      : this.#acceptor.accept(path, ballot, accepted, accept.next);
    if (verdict.kind === "refused") {
      this.#answer(entry, path, turn, { refused: { floor: verdict.floor } });
      return;
    }
    if (accept.next) turn.raiseAbove(this.#counter, accept.next);
    const content = accept.inline ? accept.content : null;
    this.#stage({ path, ballot, head: accept.head, random: accept.random, content, chosen: false }, accepted, turn);
    turn.waiting.push({ entry, answer: { accepted: {} } });
  }

  #learn(entry: Entry, { configuration, ...learned }: Learned, turn: Turn): void {
    this.#checkForce(learned.path, configuration);
    const accepted = this.#view(learned.path, turn);
    const mends = learned.mends === true && sameBallot(learned.ballot, accepted.ballot);
    if (mends || this.#acceptor.learns(learned.path, learned.ballot, accepted))
      this.#stage({ ...learned, chosen: true }, accepted, turn);
    turn.waiting.push({ entry, answer: {} });
  }

  #fill(entry: Entry, { configuration, ...content }: Filling, turn: Turn): void {
    const { path, random } = content;
    this.#checkForce(path, configuration);
    const accepted = this.#view(path, turn);
    // Bytes of a version that was dropped meanwhile would stay for ever.
    if (!isAbsent(accepted.ballot) && this.#superseded.names(path, accepted.head, random)) {
      turn.contents.push(content);
      turn.staged.set(path, accepted); // its bytes are being written
    }
    turn.waiting.push({ entry, answer: {} });
  }

  #stage(write: AcceptWrite, before: Accepted, turn: Turn): void {
    assert(compareBallots(write.ballot, before.ballot) >= 0, "what is accepted only rises (P2)");
    turn.accepts.push(write);
    turn.staged.set(write.path, {
      ballot: write.ballot,
      head: write.head,
      chosen: write.chosen,
    });
    if (!isAbsent(before.ballot)) this.#superseded.replaced(write.path, before.head, write.head);
  }

  /** An absent file has forgotten what went with the tombstones of its partition (P14); another one's head says it. */
  #promised(path: Path, { ballot, head, chosen }: Accepted): AnswerBody {
    const { forgotten } = this.#erasures.of(this.#maps.partitionOf(path));
    return { promised: { ballot, head, chosen, forgotten } };
  }

  #erase(entry: Entry, erasing: Erasing, turn: Turn): void {
    if (turn.staged.has(erasing.path)) {
      this.#inbox.push(entry); // decided when that is on the disk
      return;
    }
    this.#checkForce(erasing.path, erasing.configuration);
    this.#erasing.erase(entry, erasing, this.accepted(erasing.path), turn);
  }

  #read(entry: Entry, { path, want, version }: Read, turn: Turn): void {
    const accepted = this.#view(path, turn);
    const { ballot, chosen } = accepted;
    const forgotten = isAbsent(ballot) ? this.#erasures.of(this.#maps.partitionOf(path)).forgotten : undefined;
    if (want === Want.BALLOT) {
      const held = { ballot, head: NO_BYTES, chosen, content: NO_BYTES, contentHeld: false, forgotten };
      this.#answer(entry, path, turn, { held });
      return;
    }
    if (want === Want.CONTENT && turn.staged.has(path)) {
      this.#inbox.push(entry); // its bytes are not on disk yet: after this commit
      return;
    }
    const content = want === Want.CONTENT ? inlineBytes(this.#store, path, accepted, version) : undefined;
    const contentHeld = content !== undefined;
    this.#answer(entry, path, turn, {
      held: { ballot, head: accepted.head, chosen, content: content ?? NO_BYTES, contentHeld, forgotten },
    });
  }

  #fetch(entry: Entry, { path, random }: Fetch, turn: Turn): void {
    if (turn.staged.has(path)) {
      this.#inbox.push(entry);
      return;
    }
    const content = this.#store.content(path, random);
    entry.reply({ fetched: { content: content ?? NO_BYTES, held: content !== undefined } });
  }
}
