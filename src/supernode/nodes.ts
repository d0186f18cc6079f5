/** The DataNodes as the SuperNode's logic sees them: the map, and a session to each. */
import type { NodeNumber } from "../base/ids.ts";
import type { Session, SessionDialer } from "../ports.ts";
import { type AnswerBody, type ClusterMap, type Node, NodeState, type RequestBody } from "../wire/messages.ts";

export interface Nodes {
  map(): ClusterMap;
  node(number: NodeNumber): Node | undefined;
  isUp(number: NodeNumber): boolean;
  /** As Session.call. @throws QdfsError NODE_UNREACHABLE, NODE_SILENT, OVERLOADED, or what the node answered */
  call(number: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody>;
}

/** What a member's addresses become when another DataNode is found to listen there: nobody is reached, and nobody else taken for it. */
export const NO_ADDRESS = "0.0.0.0:0";

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

  async call(number: NodeNumber, configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    return await this.#session(number).call(configuration, body, timeoutMs);
  }

  #session(number: NodeNumber): Session {
    return this.#dialer.session(this.node(number)?.grpc ?? NO_ADDRESS, number);
  }
}
