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
import { COMMIT_REQUESTS_MAX, REPLICA_INBOX_MAX, SUPERSEDED_MAX } from "../limits.ts";
import type { AcceptWrite, ChunkId, ChunkRow, NodeStore, NodeWrites, Runtime, Trim } from "../ports.ts";
import { Acceptor } from "../register/acceptor.ts";
import { ABSENT, compareBallots, isAbsent } from "../register/ballot.ts";
import type { BallotCounter } from "../register/counter.ts";
import { keptVersion } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import { errorOf, failureAnswer } from "../wire/failure.ts";
import { operationsNamed, versionsNamed } from "../wire/head-summary.ts";
import {
  type Accept,
  type AnswerBody,
  type Ballot,
  type Chosen,
  type ClusterMap,
  type Fetch,
  type Prepare,
  type Read,
  type RequestBody,
  Want,
} from "../wire/messages.ts";

export type Reply = (answer: AnswerBody) => void;

/** A value that is known chosen, taken over from a peer. */
export type Learned = Omit<AcceptWrite, "chosen">;

interface Entry {
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

const NO_BYTES = new Uint8Array(0);
const NOTHING: Accepted = { ballot: ABSENT, head: NO_BYTES, chosen: true };

/** What one turn has staged and whom it owes an answer once that is durable. */
class Turn {
  readonly accepts: AcceptWrite[] = [];
  readonly extra: Partial<NodeWrites>[] = [];
  readonly staged = new Map<Path, Accepted>();
  readonly waiting: { readonly entry: Entry; readonly answer: AnswerBody }[] = [];
  ceiling: number | undefined;
}

/** The turn of what only looks: it never stages anything. */
const LOOK = new Turn();

export class Replica {
  readonly #runtime: Runtime;
  readonly #store: NodeStore;
  readonly #counter: BallotCounter;
  readonly #acceptor: Acceptor;
  readonly #inbox: Entry[] = [];
  /** The files that accepts in the inbox are about. */
  readonly #queued = new Set<Path>();
  /** The turn that is being committed. */
  #committing: Turn | undefined;
  readonly #betweenCommits: (() => void)[] = [];
  /** Hints that came before their accept was committed; they are looked at again after each commit. */
  #early: Chosen[] = [];
  /** Files of which an earlier value was replaced by one that may name fewer versions: once the new one is known chosen, dropped versions can go (P23). */
  readonly #superseded = new Set<Path>();
  /** Those of them that are known chosen: their trims go along with the next commit. */
  readonly #trimmable = new Set<Path>();
  readonly #watchers = new Set<() => void>();
  #scheduled = false;
  #running: Promise<void> = Promise.resolve();
  readonly #onFatal: (error: unknown) => void;
  /** The last commit failed for want of room. */
  full = false;

  constructor(runtime: Runtime, store: NodeStore, counter: BallotCounter, onFatal: (error: unknown) => void) {
    this.#runtime = runtime;
    this.#store = store;
    this.#counter = counter;
    this.#acceptor = new Acceptor(counter);
    this.#onFatal = onFatal;
  }

  /** Prepare, accept, read and fetch. `reply` is called once, after everything the answer claims is durable (I1). */
  submit(body: RequestBody, reply: Reply): void {
    this.#enqueue({ body, reply });
  }

  /** Takes over a value known chosen; resolves when it is durable, or at once when what is held here is as new. */
  learn(learned: Learned): Promise<void> {
    return this.#durable({ body: {}, learned });
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
    this.#trimLater(path);
    return true;
  }

  #trimLater(path: Path): void {
    if (this.#superseded.delete(path)) this.#trimmable.add(path);
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
    return this.#queued.has(path) || this.#committing?.staged.has(path) === true;
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

  get depth(): number {
    return this.#inbox.length;
  }

  /** Raises the durable ceiling so that the counter can issue ballots (P3). */
  async raiseCeiling(): Promise<void> {
    const ceiling = this.#counter.ceilingFor(this.#counter.ceiling);
    await this.write({ ceiling });
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
    if (this.#inbox.length >= REPLICA_INBOX_MAX) {
      entry.reply(failureAnswer(new QdfsError("OVERLOADED", "the replica's queue is full")));
      return;
    }
    this.#defer(entry);
    this.#schedule();
  }

  #defer(entry: Entry): void {
    this.#inbox.push(entry);
    const path = entry.body.accept?.path ?? entry.learned?.path;
    if (path !== undefined) this.#queued.add(path);
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
        await this.#turn(this.#take());
      } while (this.#inbox.length > 0);
    } finally {
      this.#scheduled = false;
    }
    if (this.#inbox.length > 0) this.#schedule();
  }

  #take(): Entry[] {
    const entries = this.#inbox.splice(0, COMMIT_REQUESTS_MAX);
    this.#queued.clear();
    for (const { body, learned } of this.#inbox) {
      const path = body.accept?.path ?? learned?.path;
      if (path !== undefined) this.#queued.add(path);
    }
    return entries;
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
      if (accepted.chosen) this.#trimLater(path);
    }
    const early = this.#early;
    this.#early = [];
    for (const hint of early) if (!this.#choose(hint) && this.#queued.has(hint.path)) this.#early.push(hint);
    for (const { entry, answer } of turn.waiting) entry.reply(answer);
    if (turn.accepts.length > 0) for (const run of this.#watchers) run();
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
        entry.reply(answer.promised ? promised(this.accepted(prepare.path)) : answer);
      } else if (read) this.#defer(entry);
      else entry.reply(failureAnswer(new QdfsError("STORAGE_FULL", `no room on this DataNode: ${messageOf(error)}`)));
    }
  }

  /** What would make room must not wait for what needs it. */
  #trimAlone(turn: Turn, { trims }: NodeWrites): void {
    for (const { path } of trims) this.#trimmable.add(path);
    if (trims.length === 0 || turn.accepts.length === 0) return;
    this.write({}).catch((error: unknown) => {
      if (codeOf(error) !== "STORAGE_FULL") this.#onFatal(error);
    });
  }

  #writes(turn: Turn): NodeWrites | undefined {
    const extra = turn.extra;
    const empty = turn.accepts.length === 0 && extra.length === 0 && turn.ceiling === undefined;
    if (empty) return undefined;
    if (turn.ceiling === undefined && this.#counter.wantsRoom) turn.ceiling = this.#counter.ceilingFor(this.#counter.ceiling);
    const ceilings = [turn.ceiling, ...extra.map((writes) => writes.ceiling)].filter((c) => c !== undefined);
    const map = extra.reduce<ClusterMap | undefined>((newest, writes) => writes.map ?? newest, undefined);
    return {
      accepts: turn.accepts,
      trims: this.#takeTrims(),
      chunks: extra.flatMap((writes): readonly ChunkRow[] => writes.chunks ?? []),
      droppedChunks: extra.flatMap((writes): readonly ChunkId[] => writes.droppedChunks ?? []),
      cursors: extra.flatMap((writes) => writes.cursors ?? []),
      ...(ceilings.length > 0 ? { ceiling: Math.max(...ceilings) } : {}),
      ...(map === undefined ? {} : { map }),
    };
  }

  /** The inline bytes that chosen heads no longer name (P23). */
  #takeTrims(): Trim[] {
    const trims: Trim[] = [];
    for (const path of this.#trimmable) {
      const stored = this.#store.register(path);
      if (stored !== undefined && !stored.chosen) this.#noteSuperseded(path); // the hint was about the value before
      const keep = stored?.chosen ? this.#kept(path, stored.head) : undefined;
      if (stored !== undefined && keep !== undefined) trims.push({ path, ballot: stored.ballot, keep });
    }
    this.#trimmable.clear();
    return trims;
  }

  /** The operations whose bytes stay. Undefined: a damaged head does not say, so all of them do. */
  #kept(path: Path, head: Uint8Array): string[] | undefined {
    try {
      return operationsNamed(head);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.warn("a stored head cannot be read", { path, why: messageOf(error) });
      return undefined;
    }
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
    else if (entry.learned) this.#learn(entry, entry.learned, turn);
    else if (entry.writes) {
      turn.extra.push(entry.writes);
      turn.waiting.push({ entry, answer: {} });
    } else assert(false, "a replica executes prepare, accept, read, fetch, learned values and node writes");
  }

  #prepare(entry: Entry, { path, ballot }: Prepare, turn: Turn): void {
    const accepted = this.#view(path, turn);
    const verdict = this.#acceptor.prepare(path, plainBallot(ballot), accepted);
    if (verdict.kind === "refused") {
      this.#answer(entry, path, turn, { refused: { floor: verdict.floor } });
      return;
    }
    const answer = promised(accepted);
    if (ballot.counter >= this.#counter.ceiling) {
      turn.ceiling = Math.max(turn.ceiling ?? 0, this.#counter.ceilingFor(ballot.counter));
      turn.waiting.push({ entry, answer });
    } else this.#answer(entry, path, turn, answer);
  }

  #accept(entry: Entry, accept: Accept, turn: Turn): void {
    const { path } = accept;
    const ballot = plainBallot(accept.ballot);
    const accepted = this.#view(path, turn);
    const verdict = accept.base
      ? this.#acceptor.acceptFolded(path, ballot, accept.base, accepted)
      : this.#acceptor.accept(path, ballot, accepted);
    if (verdict.kind === "refused") {
      this.#answer(entry, path, turn, { refused: { floor: verdict.floor } });
      return;
    }
    const content = accept.inline ? accept.content : null;
    this.#stage({ path, ballot, head: accept.head, random: accept.random, content, chosen: false }, accepted, turn);
    turn.waiting.push({ entry, answer: { accepted: {} } });
  }

  #learn(entry: Entry, learned: Learned, turn: Turn): void {
    const accepted = this.#view(learned.path, turn);
    if (this.#acceptor.learns(learned.ballot, accepted)) this.#stage({ ...learned, chosen: true }, accepted, turn);
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
    if (!isAbsent(before.ballot) && this.#mayDrop(before.head, write.head)) this.#noteSuperseded(write.path);
  }

  /** False when the new head stands right on the one before it, and names one version more: all that was named still is. */
  #mayDrop(before: Uint8Array, after: Uint8Array): boolean {
    try {
      const standsOn = operationsNamed(after, 2)[1] === operationsNamed(before, 1)[0];
      return !standsOn || versionsNamed(after) <= versionsNamed(before);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return true; // a damaged head: the trim sees to it
    }
  }

  /** Bounded: what is forgotten here is trimmed at the file's next change. */
  #noteSuperseded(path: Path): void {
    this.#superseded.add(path);
    if (this.#superseded.size <= SUPERSEDED_MAX) return;
    const [oldest] = this.#superseded;
    if (oldest !== undefined) this.#superseded.delete(oldest);
  }

  #read(entry: Entry, { path, want, version }: Read, turn: Turn): void {
    const accepted = this.#view(path, turn);
    const { ballot, chosen } = accepted;
    if (want === Want.BALLOT) {
      this.#answer(entry, path, turn, { held: { ballot, head: NO_BYTES, chosen, content: NO_BYTES, contentHeld: false } });
      return;
    }
    if (want === Want.CONTENT && turn.staged.has(path)) {
      this.#defer(entry); // its bytes are not on disk yet: after this commit
      return;
    }
    const content = want === Want.CONTENT ? this.#inlineBytes(path, accepted, version) : undefined;
    this.#answer(entry, path, turn, {
      held: { ballot, head: accepted.head, chosen, content: content ?? NO_BYTES, contentHeld: content !== undefined },
    });
  }

  /** The inline bytes of version `number` (0: the current one) as far as this replica holds them. */
  #inlineBytes(path: Path, accepted: Accepted, number: number): Uint8Array | undefined {
    if (isAbsent(accepted.ballot)) return undefined;
    if (number === 0) return this.#store.current(path)?.content ?? undefined;
    const version = keptVersion(headCodec.decode(accepted.head), number);
    return version === undefined ? undefined : this.#store.content(path, version.operation.random);
  }

  #fetch(entry: Entry, { path, random }: Fetch, turn: Turn): void {
    if (turn.staged.has(path)) {
      this.#defer(entry);
      return;
    }
    const content = this.#store.content(path, random);
    entry.reply({ fetched: { content: content ?? NO_BYTES, held: content !== undefined } });
  }
}

function promised({ ballot, head, chosen }: Accepted): AnswerBody {
  return { promised: { ballot, head, chosen, forgotten: 0 } };
}

/** A decoded batch's ballot keeps defaults on its prototype; what is kept is a plain one. */
function plainBallot({ configuration, counter, node }: Ballot): Ballot {
  return { configuration, counter, node };
}
