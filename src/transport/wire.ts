/**
 * What carries the batches of one session: a gRPC stream, or its twin in memory. A wire knows bytes and their order; what
 * is in them is the business of batched-session.ts at the dialling end and of served-session.ts at the other.
 */
import type { QdfsError } from "../base/errors.ts";
import type { LamportCounter, SessionHandler } from "../ports.ts";
import type { Hello } from "../wire/messages.ts";

/** The dialling end. */
export interface Wire {
  /** Takes one encoded batch, whether connected yet or not. False: taken, but write no more before `drained`. */
  write(batch: Buffer): boolean;
  /** Cuts the connection. No event follows. */
  close(): void;
}

/** What happens to the dialling end. Never called from within `dial`, `write` or `close`. */
export interface WireEvents {
  received(batch: Buffer): void;
  drained(): void;
  /** Never connected, or not any more. A refusal by the server has its code; all else is NODE_UNREACHABLE. */
  ended(cause: QdfsError): void;
}

export type WireDialer = (address: string, events: WireEvents) => Wire;

/** The serving end. */
export interface ServerWire {
  /** As Wire.write. */
  write(batch: Buffer): boolean;
  /** Ends the stream, after what was written: orderly, or telling the other side the error. */
  end(error?: QdfsError): void;
  /** Nothing more is received until `resume`, but for what is under way already. */
  pause(): void;
  resume(): void;
}

/** What a server needs to take part in sessions. */
export interface SessionService {
  readonly handler: SessionHandler;
  /** Sent in the first batch of every stream. */
  readonly hello: () => Hello;
  readonly counter: LamportCounter;
}
