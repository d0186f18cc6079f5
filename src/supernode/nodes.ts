/** The DataNodes as the SuperNode's logic sees them: the map, and a session to each. */
import type { NodeNumber } from "../base/ids.ts";
import { NO_ADDRESS } from "../cluster/map.ts";
import type { Session, SessionDialer } from "../ports.ts";
import { type AnswerBody, type ClusterMap, type Node, NodeState, type RequestBody } from "../wire/messages.ts";

export interface Nodes {
  map(): ClusterMap;
  node(number: NodeNumber): Node | undefined;
  isUp(number: NodeNumber): boolean;
  /** Up, and not held back: there to be relied on. */
  isSteady(number: NodeNumber): boolean;
  /** As Session.call. @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, OVERLOADED, or what the node answered */
  call(number: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody>;
}

export class DialedNodes implements Nodes {
  readonly map: () => ClusterMap;
  readonly #dialer: SessionDialer;

  constructor(map: () => ClusterMap, dialer: SessionDialer) {
    this.map = map;
    this.#dialer = dialer;
  }

  node(number: NodeNumber): Node | undefined {
    return this.map().nodes.find((node) => node.number === number);
  }

  isUp(number: NodeNumber): boolean {
    return this.node(number)?.state === NodeState.UP;
  }

  isSteady(number: NodeNumber): boolean {
    return this.isUp(number) && this.node(number)?.held !== true;
  }

  async call(number: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    return await this.#session(number).call(configuration, body, timeoutMs);
  }

  #session(number: NodeNumber): Session {
    return this.#dialer.session(this.node(number)?.grpc ?? NO_ADDRESS, number);
  }
}
