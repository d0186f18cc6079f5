/**
 * One mutation: sent to a coordinator, on failure or silence to the next, always under one operation id, so that it is
 * applied at most once (P12, P13). What is not known is said to be unknown.
 */
import { assert, codeOf, ERRORS, type ErrorCode, isDefinite, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { nodeOf, replicasOf } from "../cluster/map.ts";
import {
  BUSY_PATIENCE_MS,
  HEDGE_MS,
  QUORUM_PATIENCE_MS,
  RETRY_BASE_MS,
  RETRY_MAX_MS,
  UNAVAILABLE_PATIENCE_MS,
} from "../limits.ts";
import type { LamportCounter, Runtime } from "../ports.ts";
import { Tally, writeNeed } from "../register/quorum.ts";
import type { Configuration, Mutate, Mutated, OperationId, Outcome, Precondition } from "../wire/messages.ts";
import { Attempts } from "./attempts.ts";
import { backoffMs, Inbox } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Peers } from "./peers.ts";
import type { Router } from "./router.ts";

/** A coordinator that was asked at the last moment has its own patience before it answers. */
const GIVE_UP_MS = UNAVAILABLE_PATIENCE_MS + 2 * QUORUM_PATIENCE_MS;

export interface Mutation {
  readonly path: Path;
  readonly change: Pick<Mutate, "put" | "remove" | "restore">;
  readonly precondition?: Precondition;
  /** 0: the policy's W. */
  readonly ack: number;
  readonly budgetMs: number;
  readonly signal?: AbortSignal;
}

export interface MutationDone {
  /** The number of the version that it made. */
  readonly version: number;
  readonly acks: number;
  /** It stands for good: only what was answered early does not. */
  readonly chosen: boolean;
  readonly coordinator: NodeNumber;
  readonly configuration: Configuration;
}

export interface MutatePorts {
  readonly holder: MapHolder;
  readonly peers: Peers;
  readonly router: Router;
  readonly counter: LamportCounter;
  readonly runtime: Runtime;
}

/**
 * @throws QdfsError ALREADY_EXISTS, VERSION_DIFFERS, NOT_FOUND (refused: never done); OUTCOME_UNKNOWN; any other code says
 * that nothing was done and nothing will be
 */
export function mutate(ports: MutatePorts, mutation: Mutation): Promise<MutationDone> {
  return new Mutating(ports, mutation).run();
}

type Ending =
  | { readonly kind: "answered"; readonly mutated: Mutated }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "aborted" };
type Event = { readonly node: NodeNumber; readonly attempt: number } & Ending;

class Mutating {
  readonly #ports: MutatePorts;
  readonly #mutation: Mutation;
  readonly #inbox: Inbox<Event>;
  readonly #startedMs: number;
  readonly #attempts = new Attempts();
  readonly #pendingAt = new Set<NodeNumber>();
  readonly #tries = new Map<NodeNumber, number>();
  readonly #causes = new Map<NodeNumber, string>();
  /** When the latest attempt was sent. */
  #sentMs = 0;
  #operation: OperationId;
  #configuration: Configuration | undefined;
  /** Somebody said, or everybody showed, that too few replicas are there. */
  #lacking = false;
  /** A first attempt's refusal that another attempt may still contradict. */
  #refusal: QdfsError | undefined;
  /** The most telling definite failure so far. */
  #failure: QdfsError | undefined;

  constructor(ports: MutatePorts, mutation: Mutation) {
    this.#ports = ports;
    this.#mutation = mutation;
    this.#inbox = new Inbox(ports.runtime.timers);
    this.#startedMs = ports.runtime.clock.monotonicMs();
    this.#operation = this.#newOperation();
  }

  async run(): Promise<MutationDone> {
    const { signal } = this.#mutation;
    const onAbort = () => this.#inbox.push({ node: 0, attempt: 0, kind: "aborted" });
    signal?.addEventListener("abort", onAbort);
    try {
      return await this.#loop();
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #loop(): Promise<MutationDone> {
    if (this.#mutation.signal?.aborted) throw this.#ended("INTERRUPTED", "interrupted");
    let waitMs = await this.#send();
    for (;;) {
      const leftMs = this.#leftMs();
      if (leftMs <= 0) throw this.#ended("DEADLINE", `not done within ${this.#mutation.budgetMs} ms`);
      const event = await this.#inbox.next(Math.min(waitMs, leftMs));
      if (event === undefined) {
        if (this.#lacking && this.#elapsedMs() >= GIVE_UP_MS) throw this.#ended("NODE_SILENT", "too few replicas answer");
        if (this.#isBusy()) {
          waitMs = HEDGE_MS;
          continue;
        }
        // Silence: the next replica. With every replica asked already, wait longer.
        if (this.#leftMs() > 0) waitMs = this.#outOfPatience() ? this.#untilGivingUp() : Math.max(await this.#send(), waitMs * 2);
        continue;
      }
      if (event.kind === "aborted") throw this.#ended("INTERRUPTED", "interrupted");
      this.#pendingAt.delete(event.node);
      if (event.kind === "failed") {
        waitMs = await this.#onFailure(event.node, event.error);
        continue;
      }
      const done = this.#onAnswer(event.node, event.attempt, event.mutated);
      if (done !== undefined) return done;
      waitMs = this.#attempts.pending > 0 ? HEDGE_MS : await this.#send();
    }
  }

  /**
   * Whoever was asked answers others: the operation waits its turn there, behind other writers of its file. A second coordinator
   * would duel with the first one and slow all of them down, until the head's window (P12) has forgotten what became of this one.
   */
  #isBusy(): boolean {
    const { peers, runtime } = this.#ports;
    if (runtime.clock.monotonicMs() - this.#sentMs >= BUSY_PATIENCE_MS) return false;
    return this.#pendingAt.size > 0 && [...this.#pendingAt].every((node) => peers.session(node).state === "ready");
  }

  #leftMs(): number {
    return this.#mutation.budgetMs - this.#elapsedMs();
  }

  /** Nothing more is sent when replicas have been lacking for so long. Mere slowness has the whole budget. */
  #outOfPatience(): boolean {
    return this.#lacking && this.#elapsedMs() >= UNAVAILABLE_PATIENCE_MS;
  }

  #untilGivingUp(): number {
    return Math.max(1, GIVE_UP_MS - this.#elapsedMs());
  }

  #elapsedMs(): number {
    return this.#ports.runtime.clock.monotonicMs() - this.#startedMs;
  }

  /** Ticks the counter, so that the operations of a burst have stamps of their own and do not push each other out (P12). */
  #newOperation(): OperationId {
    const { counter, runtime } = this.#ports;
    counter.observe(counter.current() + 1);
    return { stamp: counter.current(), random: runtime.random.hex(16) };
  }

  /** Sends an attempt to the best replica without one under way, if there is such. Returns how long to wait for an event. */
  async #send(): Promise<number> {
    const { holder, peers, router } = this.#ports;
    const configuration = await holder.configurationOf(this.#mutation.path);
    this.#configuration = configuration;
    const tries = (node: NodeNumber) => this.#tries.get(node) ?? 0;
    let chosen: NodeNumber | undefined;
    for (const node of router.writeOrder(replicasOf(configuration))) {
      if (this.#pendingAt.has(node)) continue;
      if (chosen === undefined || tries(node) < tries(chosen)) chosen = node;
    }
    if (chosen === undefined) return HEDGE_MS;
    const node = chosen;
    const attempt = this.#attempts.begin();
    this.#tries.set(node, tries(node) + 1);
    this.#pendingAt.add(node);
    this.#sentMs = this.#ports.runtime.clock.monotonicMs();
    const leftMs = Math.max(1, Math.ceil(this.#leftMs()));
    peers.call(node, configuration, { mutate: this.#message(attempt, leftMs) }, leftMs).then(
      ({ mutated }) =>
        this.#inbox.push(
          mutated
            ? { node, attempt, kind: "answered", mutated }
            : { node, attempt, kind: "failed", error: new QdfsError("NODE_SILENT", "it answered with something else") },
        ),
      (error: unknown) => this.#inbox.push({ node, attempt, kind: "failed", error }),
    );
    return Math.max(HEDGE_MS, 4 * peers.session(node).latencyMs);
  }

  #message(attempt: number, budgetMs: number): Mutate {
    const { path, change, precondition, ack } = this.#mutation;
    return { path, operation: this.#operation, attempt, budgetMs, ack, precondition: precondition ?? null, ...change };
  }

  /** The result, if this settles it. @throws QdfsError the refusal, if that is the last word */
  #onAnswer(node: NodeNumber, attempt: number, mutated: Mutated): MutationDone | undefined {
    this.#attempts.endedDefinitely();
    const { outcome } = mutated;
    if (outcome.refusal === "") {
      const configuration = this.#configuration;
      assert(configuration !== undefined, "an attempt that is answered was sent");
      return { version: outcome.version, acks: mutated.acks, chosen: mutated.chosen, coordinator: node, configuration };
    }
    const refusal = refusalError(this.#mutation, outcome);
    if (this.#attempts.refusalIsFinal(attempt)) throw refusal;
    this.#refusal = refusal;
    return undefined;
  }

  /** Books a failure and goes on, or ends it. Returns how long to wait for an event. @throws QdfsError */
  async #onFailure(node: NodeNumber, error: unknown): Promise<number> {
    const code = codeOf(error);
    if (code === undefined || !(error instanceof QdfsError)) throw error;
    this.#causes.set(node, messageOf(error));
    if (!isDefinite(code)) {
      this.#attempts.endedOpen();
      return await this.#next(code, node);
    }
    this.#attempts.endedDefinitely();
    if (code === "STALE_STAMP" && this.#attempts.nothingDone) {
      this.#operation = this.#newOperation();
      return await this.#send();
    }
    if (this.#refusal !== undefined && this.#attempts.nothingDone) throw this.#refusal;
    if (tells(code)) this.#failure = error;
    if (ERRORS[code].retry === "never" && code !== "WRONG_CLUSTER") throw this.#ended(code, error.message);
    return await this.#next(code, node);
  }

  /** After a failure: another replica at once, one that failed before after a pause; within our patience. */
  async #next(code: ErrorCode, node: NodeNumber): Promise<number> {
    const { holder, router, runtime } = this.#ports;
    if (code === "CONFIGURATION_STALE") await holder.refresh(nodeOf(holder.map, node).grpc);
    else if (code === "NODE_UNREACHABLE" || code === "NODE_SILENT") void holder.refresh();
    const replicas = router.writeOrder(replicasOf(await holder.configurationOf(this.#mutation.path)));
    const free = replicas.filter((replica) => !this.#pendingAt.has(replica));
    if (free.some((replica) => !this.#tries.has(replica))) return await this.#send();
    const busy = code === "CONFLICT" || code === "OVERLOADED";
    this.#lacking ||= !busy && (tells(code) || this.#attempts.pending === 0);
    if (!busy && this.#outOfPatience()) {
      if (this.#attempts.pending === 0) throw this.#ended(code, "no replica could do it");
      return this.#untilGivingUp(); // what is under way may still end with an answer that leaves nothing open
    }
    const tries = Math.min(...free.map((replica) => this.#tries.get(replica) ?? 0));
    return backoffMs(runtime.random, RETRY_BASE_MS, tries, RETRY_MAX_MS);
  }

  /** The truth about an operation that is given up: the definite failure if nothing was done, else OUTCOME_UNKNOWN. */
  #ended(code: ErrorCode, why: string): QdfsError {
    const { path } = this.#mutation;
    if (!this.#attempts.nothingDone) return this.#unknown(why);
    if (code === "INTERRUPTED" || this.#causes.size === 0) return new QdfsError(code, `${path}: ${why}; nothing was done`);
    if (this.#failure !== undefined) return new QdfsError(this.#failure.code, this.#failure.message, this.#failure.details);
    return this.#tally().unavailable(`write of ${path}`);
  }

  #unknown(why: string): QdfsError {
    const { path } = this.#mutation;
    const causes = [...this.#causes].map(([node, cause]) => `${nodeName(node)}: ${cause}`);
    for (const node of this.#pendingAt) causes.push(`${nodeName(node)}: no answer yet`);
    const id = this.#operation.random;
    return new QdfsError(
      "OUTCOME_UNKNOWN",
      `${path}: it may or may not have been done: ${why} (${causes.join("; ")}). Look with "qdfs stat ${path}": done if a version was made by operation ${id}`,
      { operation: id, attempts: this.#attempts.sent, causes },
    );
  }

  #tally(): Tally {
    const tally = new Tally(this.#configuration ?? { number: 0, sets: [] }, writeNeed);
    for (const [node, cause] of this.#causes) tally.no(node, cause);
    return tally;
  }
}

/** Codes that say more than that one server was of no use. */
function tells(code: ErrorCode): boolean {
  return code !== "NODE_UNREACHABLE" && code !== "SHUTTING_DOWN" && code !== "CONFIGURATION_STALE" && code !== "WRONG_CLUSTER";
}

function refusalError({ path, precondition, change }: Mutation, { refusal, version }: Outcome): QdfsError {
  switch (refusal) {
    case "ALREADY_EXISTS":
      return new QdfsError(refusal, `${path} exists (version ${version})`, { path, version });
    case "VERSION_DIFFERS":
      return new QdfsError(refusal, `${path} has version ${version}, not the expected ${precondition?.version}`, {
        path,
        version,
        expected: precondition?.version,
      });
    case "NOT_FOUND":
      return new QdfsError(
        refusal,
        change.restore ? `${path} has no version ${change.restore.version} to restore` : `${path} does not exist`,
        { path },
      );
    default:
      return new QdfsError("BUG", `${path} was refused with an outcome that is not in the protocol: ${refusal}`);
  }
}
