/**
 * The dialling end of a session (DESIGN section 4), over any wire. Calls made in one turn of the event loop leave in one
 * batch; while the wire is full they gather into larger ones. The first batch each way says hello, and no request is sent
 * before the server's hello is here: whatever fails earlier is known not to have been sent.
 */
import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import {
  BATCH_BYTES_MAX,
  CONNECT_MS,
  HINT_DELAY_MS,
  HINTS_MAX,
  MESSAGE_BYTES_MAX,
  RECONNECT_MAX_MS,
  SESSION_BUFFER_BYTES_MAX,
  SESSION_IN_FLIGHT_MAX,
  SILENT_MS,
  UNUSED_DIALS_MAX,
} from "../limits.ts";
import type { Cancel, LamportCounter, Runtime, Session, SessionState } from "../ports.ts";
import { batchCodec } from "../wire/codec.ts";
import { errorOf } from "../wire/failure.ts";
import type { Answer, AnswerBody, Batch, Chosen, Hello, Request, RequestBody } from "../wire/messages.ts";
import { reconnectDelayMs } from "./backoff.ts";
import { requestSizeBytes } from "./batch-size.ts";
import { type PendingCall, PendingCalls } from "./pending-calls.ts";
import { SessionWatch } from "./session-watch.ts";
import type { Wire, WireDialer } from "./wire.ts";

/** How much the latest answer weighs in the smoothed latency. */
const LATENCY_WEIGHT = 1 / 8;

export interface SessionOptions {
  readonly runtime: Runtime;
  readonly counter: LamportCounter;
  readonly hello: () => Hello;
  readonly dial: WireDialer;
}

export class BatchedSession implements Session {
  readonly address: string;
  latencyMs = 0;
  /** Set whenever somebody wants it. One that cannot connect and that nobody wants any more closes itself. */
  used = true;
  readonly #node: NodeNumber | undefined;
  readonly #options: SessionOptions;
  readonly #onClose: () => void;
  readonly #pending = new PendingCalls();
  readonly #watch: SessionWatch;
  #wire: Wire | undefined;
  #open = false;
  #openedAtMs = 0;
  #closed = false;
  /** Why the last attempt failed; undefined: not tried yet, or going well. */
  #failure: QdfsError | undefined;
  #failures = 0;
  #unusedDials = 0;
  #cancelTimer: Cancel = () => {};
  #outbox: PendingCall[] = [];
  #outboxBytes = 0;
  #hints: Chosen[] = [];
  #hintsTimed = false;
  #flushing = false;
  #full = false;

  /** `node`: who must answer there; undefined: anybody may. */
  constructor(address: string, node: NodeNumber | undefined, options: SessionOptions, onClose: () => void) {
    this.address = address;
    this.#node = node;
    this.#options = options;
    this.#onClose = onClose;
    this.#watch = new SessionWatch(options.runtime, this.#pending, {
      timedOut: (call) => this.#timedOut(call),
      ping: () => this.#ping(),
      stalled: () => this.#stalled(),
    });
  }

  get state(): SessionState {
    if (this.#failure !== undefined || this.#closed) return "unreachable";
    if (!this.#open) return "connecting";
    return this.#watch.waitsLonger(SILENT_MS) ? "silent" : "ready";
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  call(configuration: number, body: RequestBody, timeoutMs: number): Promise<AnswerBody> {
    const sizeBytes = requestSizeBytes(body);
    const refusal = this.#refusal(sizeBytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#wire === undefined) this.#dial();
    const request: Request = { ...body, configuration, id: this.#pending.nextId() };
    const calledAtMs = this.#options.runtime.clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const deadlineMs = calledAtMs + timeoutMs;
      const patienceMs = body.changes?.waitMs ?? 0;
      const call = { request, sizeBytes, calledAtMs, deadlineMs, patienceMs, resolve, reject, sent: false, done: false };
      this.#pending.add(call);
      this.#outbox.push(call);
      this.#outboxBytes += sizeBytes;
      this.#watch.expect(deadlineMs);
      this.#flushSoon();
    });
  }

  hint(chosen: Chosen): void {
    if (!this.#open || this.#hints.length >= HINTS_MAX) return;
    this.#hints.push(chosen);
    if (this.#hintsTimed) return;
    this.#hintsTimed = true;
    this.#options.runtime.timers.after(HINT_DELAY_MS, () => {
      this.#hintsTimed = false;
      if (this.#hints.length > 0) this.#flush();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
    this.#pending.rejectAll(this.#error("NODE_SILENT", "the session was closed"), "sent");
    this.#pending.rejectAll(this.#error("NODE_UNREACHABLE", "the session was closed"), "all");
    this.#onClose();
  }

  #error(code: "NODE_SILENT" | "NODE_UNREACHABLE" | "OVERLOADED" | "BAD_REQUEST", message: string): QdfsError {
    return new QdfsError(code, message, { address: this.address });
  }

  /** Why a call of this size cannot even be queued; undefined: it can. */
  #refusal(sizeBytes: number): QdfsError | undefined {
    if (this.#closed) return this.#error("NODE_UNREACHABLE", "the session was closed");
    if (this.#failure !== undefined) return this.#failure;
    if (this.#pending.size >= SESSION_IN_FLIGHT_MAX) return this.#error("OVERLOADED", "too many requests in flight");
    if (sizeBytes > MESSAGE_BYTES_MAX - BATCH_BYTES_MAX) return this.#error("BAD_REQUEST", `a request of ${sizeBytes} bytes`);
    if (this.#outboxBytes + sizeBytes <= SESSION_BUFFER_BYTES_MAX) return undefined;
    return this.#error("OVERLOADED", "too many bytes wait to be sent");
  }

  // --------------------------------------------------------------------------------------------- out

  #flushSoon(): void {
    if (this.#flushing || !this.#open || this.#full) return;
    this.#flushing = true;
    this.#options.runtime.timers.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#open) return;
    let next = 0;
    while (!this.#full && (next < this.#outbox.length || this.#hints.length > 0)) {
      const requests: Request[] = [];
      let bytes = 0;
      for (; next < this.#outbox.length && bytes < BATCH_BYTES_MAX; next += 1) {
        const call = this.#outbox[next];
        if (call === undefined) break;
        this.#outboxBytes -= call.sizeBytes;
        if (call.done) continue;
        call.sent = true;
        bytes += call.sizeBytes;
        requests.push(call.request);
      }
      const chosen = this.#hints;
      if (chosen.length > 0) this.#hints = [];
      if (requests.length > 0 || chosen.length > 0)
        this.#write({ counter: this.#options.counter.current(), requests, chosen }, bytes);
    }
    this.#outbox = next === this.#outbox.length ? [] : this.#outbox.slice(next);
  }

  #write(batch: Batch, sizeBytes?: number): void {
    if (this.#wire?.write(batchCodec.encode(batch, sizeBytes)) === false) this.#full = true;
  }

  #ping(): void {
    if (this.#open && !this.#full) this.#write({ counter: this.#options.counter.current() });
  }

  // ---------------------------------------------------------------------------------------------- in

  #received(bytes: Buffer): void {
    const batch = batchCodec.decode(bytes);
    this.#options.counter.observe(batch.counter);
    const nowMs = this.#watch.heard();
    if (!this.#open) {
      this.#checkPeer(batch.hello?.node);
      this.#opened(nowMs);
    }
    for (const answer of batch.answers ?? []) this.#answered(answer, nowMs);
  }

  /**
   * The answers of one node may never count as those of another: two of them would look like a quorum, and be one copy.
   * @throws QdfsError NODE_UNREACHABLE
   */
  #checkPeer(found: NodeNumber | undefined): void {
    if (this.#node === undefined || found === this.#node) return;
    const who = found === undefined ? "somebody else" : nodeName(found);
    throw this.#error("NODE_UNREACHABLE", `${who} answers there, not ${nodeName(this.#node)}`);
  }

  #answered(answer: Answer, nowMs: number): void {
    const call = this.#pending.take(answer.id);
    if (call === undefined) return;
    if (call.patienceMs === 0) {
      const latencyMs = nowMs - call.calledAtMs;
      this.latencyMs = this.latencyMs === 0 ? latencyMs : this.latencyMs + (latencyMs - this.latencyMs) * LATENCY_WEIGHT;
    }
    if (answer.failure) call.reject(errorOf(answer.failure));
    else call.resolve(answer);
  }

  #timedOut(call: PendingCall): QdfsError {
    const waitedMs = Math.round(call.deadlineMs - call.calledAtMs);
    if (call.sent) return this.#error("NODE_SILENT", `timed out after ${waitedMs} ms`);
    return this.#error("NODE_UNREACHABLE", `not connected after ${waitedMs} ms`);
  }

  // -------------------------------------------------------------------------------------- connection

  #dial(): void {
    const { runtime, counter, hello, dial } = this.#options;
    this.#full = false;
    const wire: Wire = dial(this.address, {
      received: (bytes) => {
        if (this.#wire !== wire) return;
        try {
          this.#received(bytes);
        } catch (error) {
          // a server that speaks no protocol of ours; what is no QdfsError is a bug and stops the process
          if (!(error instanceof QdfsError)) throw error;
          this.#ended(error);
        }
      },
      drained: () => {
        if (this.#wire !== wire) return;
        this.#full = false;
        this.#flush();
      },
      ended: (cause) => {
        if (this.#wire === wire) this.#ended(cause);
      },
    });
    this.#wire = wire;
    this.#write({ counter: counter.current(), hello: hello() });
    this.#cancelTimer = runtime.timers.after(CONNECT_MS, () =>
      this.#ended(this.#error("NODE_UNREACHABLE", `no connection within ${CONNECT_MS} ms`)),
    );
  }

  #opened(nowMs: number): void {
    this.#cancelTimer();
    this.#open = true;
    this.#openedAtMs = nowMs;
    this.#failure = undefined;
    this.#flushSoon();
  }

  #disconnect(): void {
    this.#cancelTimer();
    this.#open = false;
    this.#wire?.close();
    this.#wire = undefined;
    this.#hints = [];
  }

  /** Frozen, or cut off: it is tried again, but nobody is to wait for it. */
  #stalled(): void {
    this.#disconnect();
    this.#pending.rejectAll(this.#error("NODE_SILENT", "stopped answering"), "sent");
    this.#redialLater(this.#error("NODE_UNREACHABLE", "stopped answering"));
  }

  /** The connection is gone. One that had served for a while is rebuilt at once; else the next attempt waits its turn. */
  #ended(cause: QdfsError): void {
    const nowMs = this.#options.runtime.clock.monotonicMs();
    const wasOpen = this.#open;
    const served = wasOpen && nowMs - this.#openedAtMs > RECONNECT_MAX_MS;
    this.#disconnect();
    if (wasOpen) this.#pending.rejectAll(this.#error("NODE_SILENT", cause.message), "sent");
    if (served) this.#redialNow();
    else this.#redialLater(cause);
  }

  #redialNow(): void {
    this.#failures = 0;
    this.#dial();
  }

  #redialLater(cause: QdfsError): void {
    this.#failure = cause.code === "WRONG_CLUSTER" ? cause : this.#error("NODE_UNREACHABLE", cause.message);
    this.#pending.rejectAll(this.#failure, "all");
    this.#outbox = [];
    this.#outboxBytes = 0;
    const delayMs = reconnectDelayMs(this.#failures, this.#options.runtime.random);
    this.#failures += 1;
    this.#cancelTimer = this.#options.runtime.timers.after(delayMs, () => this.#redialIfWanted());
  }

  #redialIfWanted(): void {
    this.#unusedDials = this.used ? 0 : this.#unusedDials + 1;
    this.used = false;
    if (this.#unusedDials < UNUSED_DIALS_MAX) this.#dial();
    else this.close();
  }
}
