/**
 * The coordinator: the proposer of the operations that clients send to this DataNode. Operations of one file queue up
 * (file-queue.ts). Each runs phase 1, settles what is not known to be chosen, lets its change function decide, and runs
 * phase 2, again and again under new ballots until its outcome is known or its time is over (attempt.ts).
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import { keptSinceMs } from "../cluster/retention.ts";
import { HEAD_BYTES_MAX, PREPARE_HEDGE_MS, QUORUM_PATIENCE_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import { isAbsent } from "../register/ballot.ts";
import type { BallotCounter } from "../register/counter.ts";
import { stillHolds } from "../register/erased.ts";
import { mayFold } from "../register/folded.ts";
import { absentHead, type Decision, decide, isInline, sameOperation } from "../register/head.ts";
import type { NextPromise } from "../register/next-promise.ts";
import { type Folding, type OnAccept, type Prepared, type Proposed, prepare, propose, type Round } from "../register/proposer.ts";
import { mostNeeded, Tally, writeNeed } from "../register/quorum.ts";
import { headCodec } from "../wire/codec.ts";
import type {
  Accept,
  AnswerBody,
  Ballot,
  Configuration,
  Head,
  Mutate,
  Mutated,
  OperationId,
  RequestBody,
  Settled,
  Version,
} from "../wire/messages.ts";
import { Attempt } from "./attempt.ts";
import { ChunkConfirmer } from "./chunk-confirmer.ts";
import { ContentSource } from "./content-source.ts";
import { FileQueues } from "./file-queue.ts";
import { HeadCache } from "./head-cache.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

type Promises = Extract<Prepared, { kind: "promised" }>;
type Change = Exclude<Decision, { kind: "recorded" | "stale" }>;
type Value = Pick<Accept, "head" | "content" | "random" | "inline">;
type Answer = (mutated: Mutated) => void;

/** The configuration and the ballot of one try. */
interface Try {
  readonly configuration: Configuration;
  readonly ballot: Ballot;
  /** The counter of a ballot that the accept asks to be promised along with it (P7). */
  readonly next?: number;
}

const NO_BYTES = new Uint8Array(0);

export class Coordinator {
  readonly #runtime: Runtime;
  readonly #maps: MapKeeper;
  readonly #counter: BallotCounter;
  readonly #replica: Replica;
  readonly #peers: Peers;
  readonly #chunks: ChunkConfirmer;
  readonly #contents: ContentSource;
  readonly #queues = new FileQueues<NextPromise>();
  readonly #heads = new HeadCache();
  /** Readers of one file share the settle that has not begun yet (P11). */
  readonly #settles = new Map<Path, Promise<Settled>>();

  constructor(runtime: Runtime, maps: MapKeeper, counter: BallotCounter, replica: Replica, peers: Peers) {
    this.#runtime = runtime;
    this.#maps = maps;
    this.#counter = counter;
    this.#replica = replica;
    this.#peers = peers;
    this.#chunks = new ChunkConfirmer(maps, peers);
    this.#contents = new ContentSource(replica, peers);
  }

  /** Operations queued or running. */
  get inFlight(): number {
    return this.#queues.size;
  }

  /** Resolves when none is. */
  idle(): Promise<void> {
    return this.#queues.idle();
  }

  /**
   * Carries out a client's operation and answers with its outcome, a refusal included. `ack` below W is answered early and
   * the work goes on (P9); `ack` above W is answered with fewer when the other replicas fail after it was chosen.
   * @throws QdfsError QUORUM_UNAVAILABLE, CONFLICT, DEADLINE, CHUNKS_MISSING, STALE_STAMP, STORAGE_FULL, OVERLOADED …: this
   * attempt did nothing and will do nothing. OUTCOME_UNKNOWN when that cannot be said.
   */
  mutate(mutate: Mutate): Promise<Mutated> {
    return new Promise((answer, reject) => {
      const replicas = replicasOf(this.#maps.configurationOf(mutate.path)).length;
      if (mutate.ack > replicas) {
        throw new QdfsError("BAD_USAGE", `${mutate.ack} acknowledgements are asked for, but a file has ${replicas} replicas`);
      }
      const attempt = new Attempt(this.#runtime, mutate.path, mutate.budgetMs);
      this.#queues.run(mutate.path, (promised) => this.#mutate(mutate, attempt, answer, promised)).catch(reject);
    });
  }

  /** Makes what the file holds chosen and answers with it (P11). @throws as mutate, but never OUTCOME_UNKNOWN */
  settle(path: Path, budgetMs: number): Promise<Settled> {
    const waiting = this.#settles.get(path);
    if (waiting !== undefined) return waiting;
    const attempt = new Attempt(this.#runtime, path, budgetMs);
    let begun = false; // at once, when nothing waits for this file
    const settled = this.#queues.run(path, () => {
      begun = true;
      this.#settles.delete(path); // who asks from now on must see what is written from now on
      return this.#persist(attempt, async (at) => {
        const prepared = await this.#prepare(attempt, at);
        if (prepared === undefined) return undefined;
        if (prepared.knownChosen) return { ballot: prepared.accepted, head: prepared.head };
        return (await this.#settleAt(attempt, at, prepared)) ? { ballot: at.ballot, head: prepared.head } : undefined;
      });
    });
    if (begun) return settled;
    this.#settles.set(path, settled);
    // It may fail without having begun: the queue is full.
    settled.catch(() => this.#settles.get(path) === settled && this.#settles.delete(path));
    return settled;
  }

  /**
   * As settle, and what is found is accepted at a new ballot whether it is known chosen or not, as is nothing: then a head that names no version
   * (P22). Whatever is proposed on a phase 1 that ended before is not chosen any more, unless this shows it.
   */
  settleAnew(path: Path, budgetMs: number): Promise<Settled> {
    const attempt = new Attempt(this.#runtime, path, budgetMs);
    return this.#queues.run(path, () =>
      this.#persist(attempt, async (at) => {
        const prepared = await this.#prepare(attempt, at);
        if (prepared === undefined) return undefined;
        const head = headCodec.encode(this.#headFound(path, prepared.accepted, prepared));
        return (await this.#settleAt(attempt, at, prepared)) ? { ballot: at.ballot, head } : undefined;
      }),
    );
  }

  /**
   * Drops the kept versions of a deleted file, if the tombstone that this operation made is still what it holds: the same version without a
   * history. Resolves when that is chosen, or when the file holds something else.
   */
  emptyTrash(path: Path, operation: OperationId, budgetMs: number): Promise<void> {
    const attempt = new Attempt(this.#runtime, path, budgetMs);
    return this.#queues.run(path, async () => {
      await this.#persist(attempt, async (at) => {
        const prepared = await this.#prepare(attempt, at);
        if (prepared === undefined) return undefined;
        const head = this.#headFound(path, prepared.accepted, prepared);
        if (!head.current.tombstone || !sameOperation(head.current.operation, operation) || head.history.length === 0)
          return true;
        const { knownChosen } = prepared;
        if (!knownChosen) {
          await this.#settleAt(attempt, at, prepared); // the new head goes on top of it, at the next ballot (P6)
          return undefined;
        }
        const proposed = await this.#propose(path, at, encodeValue({ ...head, history: [] }, null), () => undefined);
        return proposed.kind === "chosen" ? true : await this.#lookAgain(attempt, proposed);
      });
    });
  }

  /** Runs until the operation is chosen, refused or found recorded; calls `answer` then, or earlier or later as `ack` says. */
  async #mutate(mutate: Mutate, attempt: Attempt, answer: Answer, promised: NextPromise | undefined): Promise<void> {
    let next = promised;
    let folds = !mutate.put?.version?.chunks; // the confirmation of chunks comes after phase 1 (P21)
    await this.#persist(attempt, async (at) => {
      const used = next;
      next = undefined;
      if (used?.ballot.configuration === at.configuration.number) return await this.#useNext(mutate, attempt, at, used, answer);
      if (folds && mayFold(at.configuration, this.#maps.self)) {
        folds = false;
        return await this.#fold(mutate, attempt, at, answer); // if not, phase 1 in full, under a ballot that is not promised yet
      }
      const prepared = await this.#prepare(attempt, at);
      if (prepared === undefined) return undefined;
      if (!prepared.knownChosen) {
        await this.#settleAt(attempt, at, prepared);
        return undefined; // the new head goes on top of it, at the next ballot (P6)
      }
      const decision = this.#decide(this.#headFound(attempt.path, prepared.accepted, prepared), mutate);
      switch (decision.kind) {
        case "recorded":
          return await this.#confirm(mutate, attempt, at, prepared, decision, answer);
        case "stale":
          throw stale(mutate, attempt);
        case "refused":
          // P8: the base is known chosen, and R answers showed it after the operation arrived: a first attempt's refusal is
          // a read. On a later attempt an earlier coordinator may still be at it, so the refusal is recorded first (P13).
          if (mutate.attempt > 1 || attempt.proposed) return await this.#carryOut(mutate, attempt, at, decision, answer);
          answer({ outcome: decision.outcome, version: null, acks: 0, chosen: true });
          return true;
        case "changed":
          return await this.#carryOut(mutate, attempt, at, decision, answer);
      }
    });
  }

  #decide(base: Head, mutate: Mutate): Decision {
    const { policy } = this.#maps.map;
    return decide(base, mutate, policy.keepVersions, keptSinceMs(policy, this.#runtime.clock.wallMs));
  }

  /** Proposes at once what makes sense on top of the value that W replicas took when they promised this ballot (P7, next-promise.ts). */
  async #useNext(
    mutate: Mutate,
    attempt: Attempt,
    at: Try,
    { ballot, head }: NextPromise,
    answer: Answer,
  ): Promise<true | undefined> {
    const change = this.#changeUnasked(head, mutate);
    if (change === undefined) return undefined;
    return await this.#carryOut(mutate, attempt, { ...at, ballot }, change, answer);
  }

  /** Proposes at once what makes sense on top of our own accepted value, if that is known chosen (P24, folded.ts). */
  async #fold(mutate: Mutate, attempt: Attempt, at: Try, answer: Answer): Promise<true | undefined> {
    const own = await this.#ownChosen(attempt.path, at);
    if (own === undefined) return undefined;
    const change = this.#changeUnasked(own.head, mutate);
    if (change === undefined) return undefined;
    return await this.#carryOut(mutate, attempt, at, change, answer, {
      self: this.#maps.self,
      base: own.ballot,
      forgotten: own.head.forgotten,
    });
  }

  /** Undefined: what the window holds and what is refused is answered from R promises (P8), and chunks are confirmed after these (P21). */
  #changeUnasked(head: Head, mutate: Mutate): Extract<Change, { kind: "changed" }> | undefined {
    const decision = this.#decide(head, mutate);
    return decision.kind === "changed" && !decision.version.chunks ? decision : undefined;
  }

  /** What our own replica accepted, once it has promised the ballot. Undefined: not known chosen, or not to be read. */
  async #ownChosen(path: Path, { configuration, ballot }: Try): Promise<{ ballot: Ballot; head: Head } | undefined> {
    try {
      const answer = await this.#ownPromise(path, configuration, ballot);
      if (answer?.refused) this.#counter.observe(answer.refused.floor.counter);
      const promised = answer?.promised;
      return promised?.chosen ? { ballot: promised.ballot, head: this.#headFound(path, promised.ballot, promised) } : undefined;
    } catch (error) {
      if (!(error instanceof QdfsError) || error.code === "CONFIGURATION_STALE") throw error;
      return undefined; // our copy's trouble: others may hold it intact
    }
  }

  /**
   * Our own replica's answer to a prepare. While it writes the file that takes as long as its disk takes: after PREPARE_HEDGE_MS it
   * is undefined, for the others may be quicker. The promise may still be given, which does no harm.
   */
  async #ownPromise(path: Path, configuration: Configuration, ballot: Ballot): Promise<AnswerBody | undefined> {
    const { timers } = this.#runtime;
    const asked = this.#peers.call(this.#maps.self, configuration.number, { prepare: { path, ballot } }, QUORUM_PATIENCE_MS);
    if (!this.#replica.isWriting(path)) return await asked;
    let cancel: Cancel = () => undefined;
    const patience = new Promise<undefined>((resolve) => {
      cancel = timers.after(PREPARE_HEDGE_MS, () => resolve(undefined));
    });
    try {
      return await Promise.race([asked, patience]);
    } finally {
      cancel();
    }
  }

  /** The verified inline bytes of a version, from wherever they are. @throws QdfsError QUORUM_UNAVAILABLE */
  inlineBytes(path: Path, version: Version): Promise<Uint8Array> {
    return this.#contents.inlineBytes(path, this.#maps.configurationOf(path), version);
  }

  /** The head that phase 1 showed. @throws QdfsError CORRUPT: the replicas that were asked hold none that can be read */
  #headFound(path: Path, accepted: Ballot, { head, forgotten }: Pick<Promises, "head" | "forgotten">): Head {
    if (isAbsent(accepted)) return absentHead(forgotten);
    const known = this.#heads.get(path, accepted);
    if (known !== undefined) return known;
    try {
      return headCodec.decode(new Uint8Array(head)); // what is kept of it must not hold on to the whole message
    } catch (error) {
      throw new QdfsError("CORRUPT", `the head of ${path} is damaged where it was looked for: ${messageOf(error)}`);
    }
  }

  /**
   * Answers an operation that stands in the window. W replicas hold what it did; where more were asked for, the same head is
   * proposed again to see who does.
   */
  async #confirm(
    mutate: Mutate,
    attempt: Attempt,
    at: Try,
    prepared: Promises,
    { outcome, version }: Extract<Decision, { kind: "recorded" }>,
    answer: Answer,
  ): Promise<true | undefined> {
    const held = mostNeeded(at.configuration, writeNeed);
    if (mutate.ack <= held) answer({ outcome, version, acks: held, chosen: true });
    else if (
      !(await this.#settleAt(attempt, at, prepared, (acks, chosen, open) => {
        if (acks >= mutate.ack || (chosen && open === 0)) answer({ outcome, version, acks, chosen: true }); // it was before
      }))
    )
      return undefined;
    return true;
  }

  /** Proposes the decided head. Undefined: not known to be chosen, look again under a new ballot. */
  async #carryOut(
    mutate: Mutate,
    attempt: Attempt,
    at: Try,
    decision: Change,
    answer: Answer,
    folding?: Folding,
  ): Promise<true | undefined> {
    const { outcome } = decision;
    const version = decision.kind === "changed" ? decision.version : null;
    const early = decision.kind === "changed" ? mutate.ack : 0; // a recorded refusal needs W of every set (P13), as does no --ack
    if (version?.chunks) await this.#chunks.confirm(attempt.path, version); // P21
    const value = await this.#value(attempt.path, at.configuration, decision, mutate);
    await this.#requireReachable(at.configuration, early);

    const next = this.#queues.hasNext(attempt.path) ? this.#counter.next() : undefined;
    const before = attempt.proposed;
    attempt.proposed = true;
    const onAccept: OnAccept = (acks, chosen, open) => {
      const enough = early === 0 ? chosen : acks >= early || (chosen && open === 0);
      if (enough) answer({ outcome, version, acks, chosen });
    };
    const proposed = await this.#propose(attempt.path, { ...at, next }, value, onAccept, folding);
    if (proposed.kind === "chosen") {
      if (next !== undefined) this.#queues.hand(attempt.path, { ballot: { ...at.ballot, counter: next }, head: decision.head });
      this.#heads.set(attempt.path, at.ballot, decision.head, value.head.length);
      return true;
    }
    const tookNothing = proposed.kind === "failed" || (proposed.kind === "refused" && !proposed.mayHaveTaken);
    if (tookNothing) attempt.proposed = before;
    return await this.#lookAgain(attempt, proposed);
  }

  async #value(path: Path, configuration: Configuration, decision: Change, mutate: Mutate): Promise<Value> {
    const { head, content: source } = decision;
    switch (source.from) {
      case "nowhere":
        return encodeValue(head, null);
      case "mutation":
        return encodeValue(head, mutate.put?.content ?? NO_BYTES);
      case "version":
        return encodeValue(head, await this.#contents.inlineBytes(path, configuration, source.version));
    }
  }

  /** Proposes the value that was found again, bytes included, at the prepared ballot (P6). True when it is chosen now. */
  async #settleAt(attempt: Attempt, at: Try, prepared: Promises, onAccept: OnAccept = () => undefined): Promise<boolean> {
    const head = this.#headFound(attempt.path, prepared.accepted, prepared);
    const content = isInline(head.current)
      ? await this.#contents.inlineBytes(attempt.path, at.configuration, head.current)
      : null;
    const proposed = await this.#propose(attempt.path, at, encodeValue(head, content), onAccept);
    if (proposed.kind === "chosen") {
      attempt.available();
      return true;
    }
    await this.#lookAgain(attempt, proposed);
    return false;
  }

  async #propose(
    path: Path,
    { configuration, ballot, next }: Try,
    value: Value,
    onAccept: OnAccept,
    folding?: Folding,
  ): Promise<Proposed> {
    const replicas = replicasOf(configuration);
    const proposed = await propose({ path, configuration, ballot, next, replicas }, value, this.#peers, onAccept, folding);
    if (proposed.kind === "chosen") for (const node of replicas) this.#peers.hint(node, { path, ballot });
    return proposed;
  }

  /** Phase 1. Undefined: look again, because a higher ballot is about, or the file was erased between two promises. */
  async #prepare(attempt: Attempt, { configuration, ballot }: Try): Promise<Promises | undefined> {
    const round = { path: attempt.path, configuration, ballot, replicas: replicasOf(configuration) };
    const prepared = await prepare(round, this.#peers, this.#runtime.timers);
    if (prepared.kind === "promised" && !(prepared.inDoubt && (await this.#wasErased(round, prepared)))) return prepared;
    attempt.available();
    if (prepared.kind === "refused") this.#counter.observe(prepared.floor.counter);
    await attempt.backOff();
    return undefined;
  }

  /** Asks a holder of what the promises showed again (mayBeErased). True also when it does not say. */
  async #wasErased({ path, configuration }: Round, { accepted, holders }: Promises): Promise<boolean> {
    const [holder = this.#maps.self] = holders;
    try {
      const ask = (body: RequestBody) => this.#peers.call(holder, configuration.number, body, QUORUM_PATIENCE_MS);
      return !(await stillHolds(path, accepted, ask));
    } catch (error) {
      if (!(error instanceof QdfsError) || error.code === "CONFIGURATION_STALE") throw error;
      return true;
    }
  }

  async #lookAgain(attempt: Attempt, proposed: Exclude<Proposed, { kind: "chosen" }>): Promise<undefined> {
    if (proposed.kind === "refused") {
      attempt.available();
      this.#counter.observe(proposed.floor.counter);
      await attempt.backOff();
    } else if (codeOf(proposed.error) === "STORAGE_FULL") throw attempt.truly(proposed.error);
    else await attempt.bear(proposed.error);
  }

  /** Runs `step` under fresh ballots until it has a result. What may pass by itself is borne for a while. */
  async #persist<T>(attempt: Attempt, step: (at: Try) => Promise<T | undefined>): Promise<T> {
    for (;;) {
      attempt.checkDeadline();
      try {
        const configuration = this.#maps.configurationOf(attempt.path);
        const result = await step({ configuration, ballot: await this.#ballot(configuration) });
        if (result !== undefined) return result;
      } catch (error) {
        const code = codeOf(error);
        if (code === "CONFIGURATION_STALE") {
          await this.#maps.seekNewer();
          if (this.#maps.numberOf(attempt.path) === undefined) throw attempt.truly(error); // others coordinate the file now
        }
        const mayPass = code === "CONFIGURATION_STALE" || code === "QUORUM_UNAVAILABLE" || code === "CHUNKS_MISSING";
        if (!mayPass) throw attempt.truly(error);
        await attempt.bear(error);
      }
    }
  }

  /** A ballot of our own that was never used before (P3). */
  async #ballot(configuration: Configuration): Promise<Ballot> {
    let counter = this.#counter.next();
    while (counter === undefined) {
      await this.#replica.raiseCeiling();
      counter = this.#counter.next();
    }
    return { configuration: configuration.number, counter, node: this.#maps.self };
  }

  /**
   * Before anything is proposed: are W replicas (or as many as asked for) there at all? A refusal now is certain; once phase
   * 2 has begun it would have to be OUTCOME_UNKNOWN.
   */
  async #requireReachable(configuration: Configuration, wanted: number): Promise<void> {
    const replicas = replicasOf(configuration);
    const open = replicas.filter((node) => !this.#peers.ready(node));
    if (open.length === 0) return;
    const tally = new Tally(configuration, (set) => Math.max(writeNeed(set), Math.min(wanted, set.nodes.length)));
    for (const node of replicas) if (!open.includes(node)) tally.yes(node);
    if (tally.vote() === "won") return;
    const probe = async (node: NodeNumber): Promise<void> => {
      const cause = await this.#peers.probe(node, QUORUM_PATIENCE_MS / 3);
      if (cause === undefined) tally.yes(node);
      else tally.no(node, cause);
    };
    await Promise.all(open.map(probe));
    if (tally.vote() === "lost") throw tally.unavailable("write");
  }
}

function encodeValue(head: Head, content: Uint8Array | null): Value {
  const bytes = headCodec.encode(head);
  if (bytes.length > HEAD_BYTES_MAX) {
    throw new QdfsError("BAD_REQUEST", `the file's head would have ${bytes.length} bytes, at most ${HEAD_BYTES_MAX} are allowed`);
  }
  return { head: bytes, content: content ?? NO_BYTES, random: head.current.operation.random, inline: content !== null };
}

function stale(mutate: Mutate, attempt: Attempt): QdfsError {
  if (mutate.attempt > 1 || attempt.proposed) {
    return new QdfsError(
      "OUTCOME_UNKNOWN",
      `the operation on ${mutate.path} may or may not have been done: its record was dropped`,
    );
  }
  const { stamp } = mutate.operation;
  return new QdfsError(
    "STALE_STAMP",
    `the operation's stamp ${stamp} is older than what ${mutate.path} remembers; nothing was done`,
  );
}
