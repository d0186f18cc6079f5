/** A SuperNode as its callers meet it, with somebody who is told of those that join and are heard. */
import type { NodeNumber } from "../base/ids.ts";
import type { ServedSuperNode } from "../supernode/late-supernode.ts";
import type { ClusterMap } from "../wire/messages.ts";

/** What watches whether DataNodes are there, from outside of the SuperNode. */
export interface DetectionObserver {
  /** A SuperNode's process begins: it remembers nothing of those before it but the map. */
  begins(map: ClusterMap): void;
  /** A map has become durable. */
  mapped(map: ClusterMap): void;
  /** A Join was answered. */
  joined(node: NodeNumber): void;
  /** It says goodbye. */
  left(node: NodeNumber): void;
  /** A heartbeat was answered. */
  heard(node: NodeNumber): void;
}

export function watchedSuperNode(
  superNode: ServedSuperNode,
  observer: DetectionObserver,
  counts: () => boolean,
): ServedSuperNode {
  return {
    getMap: () => superNode.getMap(),
    join: async (request) => {
      const reply = await superNode.join(request);
      if (counts()) observer.joined(reply.number);
      return reply;
    },
    heartbeat: async (request) => {
      if (request.leaving && counts()) observer.left(request.load.number);
      const reply = await superNode.heartbeat(request);
      if (!request.leaving && counts()) observer.heard(request.load.number);
      return reply;
    },
    list: (request) => superNode.list(request),
    usage: (request) => superNode.usage(request),
    status: (request) => superNode.status(request),
    leave: (request) => superNode.leave(request),
    setQuorum: (request) => superNode.setQuorum(request),
    backup: () => superNode.backup(),
    metrics: () => superNode.metrics(),
  };
}
