import type { NodeNumber } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import type { Session, SessionDialer } from "../ports.ts";
import type { AnswerBody, Configuration, RequestBody } from "../wire/messages.ts";
import type { MapHolder } from "./map-holder.ts";

/** The DataNodes of the current map, by number. */
export class Peers {
  readonly #dialer: SessionDialer;
  readonly #holder: MapHolder;

  constructor(dialer: SessionDialer, holder: MapHolder) {
    this.#dialer = dialer;
    this.#holder = holder;
  }

  session(node: NodeNumber): Session {
    return this.#dialer.session(nodeOf(this.#holder.map, node).grpc, node);
  }

  /** One request to one node; rejects as Session.call does. */
  call(node: NodeNumber, configuration: Configuration, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    return this.session(node).call(configuration.number, body, timeoutMs);
  }

  /** Bulk address, HOST:PORT. */
  http(node: NodeNumber): string {
    return nodeOf(this.#holder.map, node).http;
  }
}
