/** The replicas of a configuration as this node reaches them: itself by a function call, the others over their sessions. */
import { QdfsError } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import { PREPARE_HEDGE_MS } from "../limits.ts";
import type { Clock, Runtime, Session, SessionDialer } from "../ports.ts";
import type { Hedging } from "../register/proposer.ts";
import { ReplicaChoice } from "../routing/replica-choice.ts";
import { Smoothed } from "../routing/smoothed.ts";
import { errorOf } from "../wire/failure.ts";
import type { PeerTimes } from "../wire/membership-messages.ts";
import type { AnswerBody, Chosen, RequestBody } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";

/** This node's own answers to what replicas are asked: no session, no serialisation. */
export interface OwnReplica {
  submit(body: RequestBody & { readonly configuration: number }, reply: (answer: AnswerBody) => void): void;
  chosen(hint: Chosen): void;
}

/** Accepts to one replica are measured this far apart at least: there are many. */
const MEASURE_ACCEPT_EVERY_MS = 100;

interface Times {
  readonly lookUp: Smoothed;
  readonly accept: Smoothed;
  acceptMeasuredAtMs: number;
}

export class Peers {
  readonly #maps: MapKeeper;
  readonly #own: OwnReplica;
  readonly #dialer: SessionDialer;
  readonly #clock: Clock;
  readonly #waitingAt: (node: NodeNumber) => number;
  readonly #choice: ReplicaChoice;
  readonly #times = new Map<NodeNumber, Times>();

  /** `waitingAt`: operations that a node has in hand, as far as it told. */
  constructor(
    maps: MapKeeper,
    own: OwnReplica,
    dialer: SessionDialer,
    { clock, random }: Pick<Runtime, "clock" | "random">,
    waitingAt: (node: NodeNumber) => number,
  ) {
    this.#maps = maps;
    this.#own = own;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#waitingAt = waitingAt;
    this.#choice = new ReplicaChoice(clock, random, PREPARE_HEDGE_MS);
  }

  get self(): NodeNumber {
    return this.#maps.self;
  }

  session(node: NodeNumber): Session {
    return this.#dialer.session(nodeOf(this.#maps.map, node).grpc, node);
  }

  /** Rejects as Session.call does. */
  call(node: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    const called =
      node === this.self ? this.#callSelf(configuration, body) : this.session(node).call(configuration, body, timeoutMs);
    if (body.accept) this.#measureAccept(node, called);
    else if (node !== this.self && (body.prepare || body.sequence)) this.#measureLookUp(node, called);
    return called;
  }

  hint(node: NodeNumber, chosen: Chosen): void {
    if (node === this.self) this.#own.chosen(chosen);
    else this.session(node).hint(chosen);
  }

  /** Known not to answer at the moment: a refused connection, or requests unanswered for too long. */
  doubtful(node: NodeNumber): boolean {
    if (node === this.self) return false;
    const { state } = this.session(node);
    return state === "silent" || state === "unreachable";
  }

  /** Connected and answering, as far as is known. */
  ready(node: NodeNumber): boolean {
    return node === this.self || this.session(node).state === "ready";
  }

  /** Undefined when the node answers now; else why not. */
  async probe(node: NodeNumber, timeoutMs: number): Promise<string | undefined> {
    try {
      await this.call(node, 0, { sequence: {} }, timeoutMs);
      return undefined;
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      return error.message;
    }
  }

  /** This node first, then who is expected to answer soonest (routing/replica-choice.ts); then who comes and goes, doubtful ones last. */
  inOrder(nodes: readonly NodeNumber[]): NodeNumber[] {
    const candidates = nodes.map((node) => {
      if (node === this.self) return { node, rank: 0, waiting: 0 };
      const waiting = Math.max(this.session(node).inFlight, this.#waitingAt(node));
      const held = nodeOf(this.#maps.map, node).held ?? false;
      return { node, rank: this.doubtful(node) ? 3 : held ? 2 : 1, waiting };
    });
    return this.#choice.order(candidates);
  }

  /** Late is who takes longer than nearly all did. Our own replica waits for our own disk: only if that stalls it is replaced. */
  hedging(): Hedging {
    this.#choice.began();
    const gone = (node: NodeNumber, waitedMs: number) =>
      node === this.self ? waitedMs >= PREPARE_HEDGE_MS : this.doubtful(node);
    const mayReplace = (late: readonly NodeNumber[], waitedMs: number): boolean => {
      for (const node of late) if (node !== this.self) this.#choice.overdue(node, waitedMs);
      return late.some((node) => gone(node, waitedMs)) || this.#choice.mayHedge();
    };
    return { afterMs: this.#choice.hedgeMs, mayReplace };
  }

  /** How long replicas take, this node's own among them, as far as it was measured. */
  times(): PeerTimes[] {
    return [...this.#times].map(([number, { lookUp, accept }]) => ({
      number,
      lookUpMs: lookUp.meanMs,
      acceptMs: accept.meanMs,
      lookUpDeviationMs: lookUp.deviationMs,
      acceptDeviationMs: accept.deviationMs,
    }));
  }

  #callSelf(configuration: number, body: RequestBody): Promise<AnswerBody> {
    return new Promise((resolve, reject) => {
      this.#own.submit({ ...body, configuration }, (answer) => {
        if (answer.failure) reject(errorOf(answer.failure));
        else resolve(answer);
      });
    });
  }

  #measureLookUp(node: NodeNumber, called: Promise<AnswerBody>): void {
    this.#whenAnswered(called, (tookMs, nowMs) => {
      this.#of(node).lookUp.observe(tookMs, nowMs);
      this.#choice.answered(node, tookMs);
    });
  }

  #measureAccept(node: NodeNumber, called: Promise<AnswerBody>): void {
    const times = this.#of(node);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - times.acceptMeasuredAtMs < MEASURE_ACCEPT_EVERY_MS) return;
    times.acceptMeasuredAtMs = nowMs;
    this.#whenAnswered(called, (tookMs, endedAtMs) => {
      times.accept.observe(tookMs, endedAtMs);
      if (node !== this.self) this.#choice.measured(node, tookMs);
    });
  }

  /** A refusal is no measurement: it is quicker than what was asked for. Whoever called hears of failures. */
  #whenAnswered(called: Promise<AnswerBody>, observe: (tookMs: number, nowMs: number) => void): void {
    const startedMs = this.#clock.monotonicMs();
    called.then(
      ({ refused }) => {
        const nowMs = this.#clock.monotonicMs();
        if (!refused) observe(nowMs - startedMs, nowMs);
      },
      () => {},
    );
  }

  #of(node: NodeNumber): Times {
    let times = this.#times.get(node);
    if (times === undefined) {
      times = { lookUp: new Smoothed(), accept: new Smoothed(), acceptMeasuredAtMs: Number.NEGATIVE_INFINITY };
      this.#times.set(node, times);
    }
    return times;
  }
}
