import type { Session, SessionDialer } from "../ports.ts";
import { BatchedSession, type SessionOptions } from "./batched-session.ts";

/** One session per address, made on first use. */
export class SessionPool implements SessionDialer {
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, BatchedSession>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  session(address: string): Session {
    const known = this.#sessions.get(address);
    if (known !== undefined) return known;
    const session = new BatchedSession(address, this.#options, () => {
      if (this.#sessions.get(address) === session) this.#sessions.delete(address);
    });
    this.#sessions.set(address, session);
    return session;
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close();
  }
}
