/**
 * The serving end of one session, over any wire. Requests go to the handler in the order of their arrival; answers given in
 * one turn of the event loop leave in one batch. Nothing here grows without bound, whatever the other side does: answers
 * that are expected and answers that wait for the wire together stay near SESSION_BUFFER_BYTES_MAX; beyond that requests
 * wait, and the wire is not read.
 */
import { assert, QdfsError } from "../base/errors.ts";
import { BATCH_BYTES_MAX, MESSAGE_BYTES_MAX, SESSION_BUFFER_BYTES_MAX, SLOW_READER_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";
import { batchCodec } from "../wire/codec.ts";
import { failureAnswer } from "../wire/failure.ts";
import type { Answer, AnswerBody, Batch, Request } from "../wire/messages.ts";
import { answerSizeBytes, reservedBytes } from "./batch-size.ts";
import { RequestIds } from "./request-ids.ts";
import type { ServerWire, SessionService } from "./wire.ts";

const STOPPING = new QdfsError("SHUTTING_DOWN", "the server is stopping");
const KIND_MISSING = new QdfsError("BAD_REQUEST", "a request that asks for nothing this server knows");

function asksForSomething(request: Request): boolean {
  const hot = request.read ?? request.mutate ?? request.accept ?? request.prepare ?? request.changes;
  const rare = request.fetch ?? request.settle ?? request.confirm ?? request.sequence ?? request.scan ?? request.complete;
  const more =
    request.take ?? request.map ?? request.rescan ?? request.suspect ?? request.compare ?? request.erase ?? request.remember;
  return (hot ?? rare ?? more ?? null) !== null;
}

export class ServedSession {
  readonly #runtime: Runtime;
  readonly #wire: ServerWire;
  readonly #service: SessionService;
  readonly #ids = new RequestIds();
  #greeted = false;
  #gone = false;
  #draining = false;
  /** Requests that wait for room; the wire is paused while there are any. */
  #inbox: Request[] = [];
  #inFlight = 0;
  #reservedBytes = 0;
  #outbox: Answer[] = [];
  #outboxBytes = 0;
  /** Our hello, or an echo, is due though there may be nothing to answer. */
  #owesBatch: "hello" | "echo" | undefined;
  #flushing = false;
  #full = false;
  #cancelSlow: Cancel = () => {};
  #whenIdle: (() => void) | undefined;

  constructor(runtime: Runtime, wire: ServerWire, service: SessionService) {
    this.#runtime = runtime;
    this.#wire = wire;
    this.#service = service;
  }

  // ---------------------------------------------------------------------------------------------- in

  /** Never throws for what a stranger may send: that ends the stream. */
  received(bytes: Buffer): void {
    if (this.#gone) return;
    try {
      this.#take(batchCodec.decode(bytes));
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      this.end(error);
    }
  }

  drained(): void {
    this.#full = false;
    this.#cancelSlow();
    this.#flush();
  }

  /** The other side has gone, or is to go: what is still answered is dropped. */
  gone(): void {
    this.#gone = true;
    this.#cancelSlow();
    this.#inbox = [];
    this.#outbox = [];
    this.#whenIdle?.();
  }

  end(error?: QdfsError): void {
    if (this.#gone) return;
    this.#wire.end(error);
    this.gone();
  }

  /** Refuses new requests with SHUTTING_DOWN, and resolves once the others are answered and the answers handed to the wire. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#gone) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#checkIdle();
    });
  }

  #take(batch: Batch): void {
    const { handler, counter } = this.#service;
    if (!this.#greeted) {
      if (!batch.hello) throw new QdfsError("BAD_REQUEST", "a session begins with a hello");
      handler.hello(batch.hello);
      this.#greeted = true;
      this.#owesBatch = "hello";
      this.#flushSoon();
    }
    counter.observe(batch.counter);
    const requests = batch.requests ?? [];
    const chosen = batch.chosen ?? [];
    for (const hint of chosen) handler.chosen(hint);
    if (requests.length === 0 && chosen.length === 0) this.#echo();
    if (this.#inbox.length > 0) this.#inbox.push(...requests);
    else this.#admit(requests);
  }

  #echo(): void {
    this.#owesBatch ??= "echo";
    this.#flushSoon();
  }

  /** Hands requests to the handler while there is room for their answers. */
  #admit(requests: readonly Request[]): void {
    for (let index = 0; index < requests.length; index += 1) {
      const request = requests[index];
      if (request === undefined) break;
      if (this.#reservedBytes + this.#outboxBytes >= SESSION_BUFFER_BYTES_MAX) {
        if (this.#inbox.length === 0) this.#wire.pause();
        if (index > 0 || this.#inbox.length === 0) this.#inbox = requests.slice(index);
        return;
      }
      this.#handle(request);
    }
    if (this.#inbox.length > 0) this.#wire.resume();
    this.#inbox = [];
  }

  #handle(request: Request): void {
    if (!this.#ids.isNew(request.id)) return; // carried out twice, it would be done after it was said to have failed
    const reserved = reservedBytes(request);
    this.#inFlight += 1;
    this.#reservedBytes += reserved;
    let answered = false;
    const answer = (body: AnswerBody): void => {
      assert(!answered, "a request is answered once");
      answered = true;
      this.#inFlight -= 1;
      this.#reservedBytes -= reserved;
      if (!this.#gone) this.#answer(request.id, body);
    };
    if (this.#draining) answer(failureAnswer(STOPPING));
    else if (asksForSomething(request)) this.#service.handler.request(request, answer);
    else answer(failureAnswer(KIND_MISSING));
  }

  // --------------------------------------------------------------------------------------------- out

  #answer(id: number, body: AnswerBody): void {
    const sizeBytes = answerSizeBytes(body);
    if (sizeBytes > MESSAGE_BYTES_MAX - BATCH_BYTES_MAX) {
      this.#runtime.log.warn("an answer was too large to send", { sizeBytes });
      this.#answer(id, failureAnswer(new QdfsError("BUG", `an answer of ${sizeBytes} bytes`)));
      return;
    }
    this.#outbox.push({ ...body, id });
    this.#outboxBytes += sizeBytes;
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing || this.#full) return;
    this.#flushing = true;
    this.#runtime.timers.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    let next = 0;
    while (!this.#gone && !this.#full && (next < this.#outbox.length || this.#owesBatch !== undefined)) {
      const answers: Answer[] = [];
      let bytes = 0;
      for (; next < this.#outbox.length && bytes < BATCH_BYTES_MAX; next += 1) {
        const answer = this.#outbox[next];
        if (answer === undefined) break;
        bytes += answerSizeBytes(answer);
        answers.push(answer);
      }
      this.#outboxBytes -= bytes;
      this.#write(answers, bytes);
    }
    this.#outbox = next === this.#outbox.length ? [] : this.#outbox.slice(next);
    if (this.#inbox.length > 0) this.#admit(this.#inbox);
    this.#checkIdle();
  }

  #write(answers: readonly Answer[], sizeBytes?: number): void {
    const batch = { counter: this.#service.counter.current(), answers };
    const bytes = batchCodec.encode(this.#owesBatch === "hello" ? { ...batch, hello: this.#service.hello() } : batch, sizeBytes);
    this.#owesBatch = undefined;
    if (this.#wire.write(bytes)) return;
    this.#full = true;
    this.#cancelSlow = this.#runtime.timers.after(SLOW_READER_MS, () =>
      this.end(new QdfsError("OVERLOADED", `answers were not taken for ${SLOW_READER_MS} ms`)),
    );
  }

  #checkIdle(): void {
    if (this.#inFlight === 0 && this.#outbox.length === 0 && this.#inbox.length === 0) this.#whenIdle?.();
  }
}
