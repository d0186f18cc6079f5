/**
 * The calls of one session that have no answer yet, in the order of their making. Ids are never reused while the session
 * lives (they wrap after 2^32 calls), so an answer that comes too late finds nothing.
 */
import type { QdfsError } from "../base/errors.ts";
import type { AnswerBody, Request } from "../wire/messages.ts";

export interface PendingCall {
  readonly request: Request;
  readonly sizeBytes: number;
  readonly calledAtMs: number;
  readonly deadlineMs: number;
  /** A long poll is not due before its wait is over. */
  readonly patienceMs: number;
  readonly resolve: (body: AnswerBody) => void;
  readonly reject: (error: QdfsError) => void;
  sent: boolean;
  /** Answered or given up. */
  done: boolean;
}

const ID_MAX = 2 ** 32 - 1;

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #lastId = 0;

  get size(): number {
    return this.#calls.size;
  }

  nextId(): number {
    this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  add(call: PendingCall): void {
    this.#calls.set(call.request.id, call);
  }

  /** The call that an answer belongs to, which is done with this; undefined: given up before, or never made. */
  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#calls.delete(id);
    call.done = true;
    return call;
  }

  /** When the sent call that has waited longest was due an answer; Infinity: none waits. */
  oldestDueMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const call of this.#calls.values()) {
      if (!call.sent) break;
      oldest = Math.min(oldest, call.calledAtMs + call.patienceMs);
      if (call.patienceMs === 0) break;
    }
    return oldest;
  }

  /** Ends the calls whose time is over, and says when the next one's will be. */
  expire(nowMs: number, error: (call: PendingCall) => QdfsError): number {
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#calls.values()) {
      if (call.deadlineMs > nowMs) next = Math.min(next, call.deadlineMs);
      else this.take(call.request.id)?.reject(error(call));
    }
    return next;
  }

  /** Ends every call, or those alone that were sent. */
  rejectAll(error: QdfsError, which: "all" | "sent"): void {
    for (const call of this.#calls.values()) {
      if (call.sent || which === "all") this.take(call.request.id)?.reject(error);
    }
  }
}
