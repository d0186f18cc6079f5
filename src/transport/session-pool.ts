import type { NodeNumber } from "../base/ids.ts";
import type { Session, SessionDialer } from "../ports.ts";
import { BatchedSession, type SessionOptions } from "./batched-session.ts";

/** One session per address and node that is expected there, made on first use. */
export class SessionPool implements SessionDialer {
  readonly #options: SessionOptions;
  /** By address, then node (undefined: whoever answers there): no key is put together for a look-up. */
  readonly #sessions = new Map<string, Map<NodeNumber | undefined, BatchedSession>>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  session(address: string, node?: NodeNumber): Session {
    const session = this.#sessions.get(address)?.get(node) ?? this.#begin(address, node);
    session.used = true;
    return session;
  }

  #begin(address: string, node: NodeNumber | undefined): BatchedSession {
    const there = this.#sessions.get(address) ?? new Map<NodeNumber | undefined, BatchedSession>();
    this.#sessions.set(address, there);
    const session = new BatchedSession(address, node, this.#options, () => {
      if (there.get(node) !== session) return;
      there.delete(node);
      if (there.size === 0 && this.#sessions.get(address) === there) this.#sessions.delete(address);
    });
    there.set(node, session);
    return session;
  }

  close(): void {
    for (const there of this.#sessions.values()) for (const session of there.values()) session.close();
  }
}
