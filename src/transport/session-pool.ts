import type { NodeNumber } from "../base/ids.ts";
import type { Session, SessionDialer } from "../ports.ts";
import { BatchedSession, type SessionOptions } from "./batched-session.ts";

/** One session per address and node that is expected there, made on first use. */
export class SessionPool implements SessionDialer {
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, BatchedSession>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  session(address: string, node?: NodeNumber): Session {
    const key = node === undefined ? address : `${address} ${node}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session = new BatchedSession(address, node, this.#options, () => {
      if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    });
    this.#sessions.set(key, session);
    return session;
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close();
  }
}
