/**
 * The one timer of a session: ends calls whose time is over, and tells a peer that is busy from one that is gone. While a
 * request is overdue and nothing is heard, it asks for a sign of life (an empty batch, which a live server echoes); without
 * one the session is silent after SILENT_MS and given up after SESSION_STALL_MS. An idle session has no timer.
 */
import type { QdfsError } from "../base/errors.ts";
import { SESSION_PING_MS, SESSION_STALL_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import type { PendingCall, PendingCalls } from "./pending-calls.ts";

export interface Watched {
  timedOut(call: PendingCall): QdfsError;
  ping(): void;
  stalled(): void;
}

export class SessionWatch {
  readonly #runtime: Runtime;
  readonly #pending: PendingCalls;
  readonly #watched: Watched;
  #heardAtMs = 0;
  /** The earliest moment since `heard` at which an answer was due, whether its call still waits or was given up. */
  #owedSinceMs = Number.POSITIVE_INFINITY;
  /** When the timer goes off; Infinity: it is not set. */
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cancel: Cancel = () => {};

  constructor(runtime: Runtime, pending: PendingCalls, watched: Watched) {
    this.#runtime = runtime;
    this.#pending = pending;
    this.#watched = watched;
  }

  /** A call was made that is to end by `deadlineMs`. */
  expect(deadlineMs: number): void {
    if (this.#wakeAtMs === Number.POSITIVE_INFINITY) this.#wakeIn(Math.min(SESSION_PING_MS, deadlineMs - this.#nowMs()));
    else if (deadlineMs < this.#wakeAtMs) this.#wakeIn(deadlineMs - this.#nowMs());
  }

  /** Something was received. Returns the time. */
  heard(): number {
    this.#heardAtMs = this.#nowMs();
    this.#owedSinceMs = Number.POSITIVE_INFINITY;
    return this.#heardAtMs;
  }

  /** How long the peer has owed an answer without giving any sign of life; negative or -Infinity: it owes nothing yet. */
  waitedMs(): number {
    const owedSinceMs = Math.min(this.#owedSinceMs, this.#pending.oldestDueMs());
    return this.#nowMs() - Math.max(owedSinceMs, this.#heardAtMs);
  }

  /** `waitedMs` is more than this: that something was heard since then is often all that it takes to say no. */
  waitsLonger(spanMs: number): boolean {
    return this.#nowMs() - this.#heardAtMs > spanMs && this.waitedMs() > spanMs;
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }

  #wakeIn(delayMs: number): void {
    this.#cancel();
    this.#wakeAtMs = this.#nowMs() + delayMs;
    this.#cancel = this.#runtime.timers.after(delayMs, () => this.#wake());
  }

  #wake(): void {
    const nowMs = this.#nowMs();
    const lateMs = nowMs - this.#wakeAtMs;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    if (lateMs > SESSION_PING_MS) {
      // This process itself was held up (stopped, or busy): what has arrived meanwhile is read before anyone is judged.
      this.heard();
      this.#wakeIn(1);
      return;
    }
    this.#owedSinceMs = Math.min(this.#owedSinceMs, this.#pending.oldestDueMs());
    const nextDeadlineMs = this.#pending.expire(nowMs, this.#watched.timedOut);
    const waitedMs = this.waitedMs();
    if (waitedMs >= SESSION_STALL_MS) this.#watched.stalled();
    else if (waitedMs >= SESSION_PING_MS) this.#watched.ping();
    // A ping is due when nothing was heard for SESSION_PING_MS, not at the next look after that: SILENT_MS is near.
    const untilPingMs = waitedMs < SESSION_PING_MS ? Math.min(SESSION_PING_MS, SESSION_PING_MS - waitedMs) : SESSION_PING_MS;
    if (this.#pending.size > 0) this.#wakeIn(Math.max(1, Math.min(untilPingMs, nextDeadlineMs - nowMs)));
  }
}
