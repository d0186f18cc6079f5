/** The replicas of a configuration as this node reaches them: itself by a function call, the others over their sessions. */
import { QdfsError } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import type { Session, SessionDialer } from "../ports.ts";
import { errorOf } from "../wire/failure.ts";
import type { AnswerBody, Chosen, RequestBody } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";

/** This node's own answers to what replicas are asked: no session, no serialisation. */
export interface OwnReplica {
  submit(body: RequestBody & { readonly configuration: number }, reply: (answer: AnswerBody) => void): void;
  chosen(hint: Chosen): void;
}

export class Peers {
  readonly #maps: MapKeeper;
  readonly #own: OwnReplica;
  readonly #dialer: SessionDialer;

  constructor(maps: MapKeeper, own: OwnReplica, dialer: SessionDialer) {
    this.#maps = maps;
    this.#own = own;
    this.#dialer = dialer;
  }

  get self(): NodeNumber {
    return this.#maps.self;
  }

  session(node: NodeNumber): Session {
    return this.#dialer.session(nodeOf(this.#maps.map, node).grpc, node);
  }

  /** Rejects as Session.call does. */
  call(node: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    if (node !== this.self) return this.session(node).call(configuration, body, timeoutMs);
    return new Promise((resolve, reject) => {
      this.#own.submit({ ...body, configuration }, (answer) => {
        if (answer.failure) reject(errorOf(answer.failure));
        else resolve(answer);
      });
    });
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

  /** This node first, then the quickest; doubtful ones last. */
  inOrder(nodes: readonly NodeNumber[]): NodeNumber[] {
    const rank = (node: NodeNumber): number => {
      if (node === this.self) return -1;
      const session = this.session(node);
      return this.doubtful(node) ? Number.POSITIVE_INFINITY : session.latencyMs * (1 + session.inFlight);
    };
    return nodes
      .map((node) => ({ node, rank: rank(node) }))
      .sort((a, b) => (a.rank === b.rank ? a.node - b.node : a.rank - b.rank))
      .map(({ node }) => node);
  }
}
