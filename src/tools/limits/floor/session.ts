/** The client's end of a session with one node: operations of one turn of the event loop leave as one message. */
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { type Ack, type Acks, MESSAGE_BYTES_MAX, type Op, type Ops, SESSION, Status } from "./wire.ts";

export type Request = Omit<Op, "id">;

export class FloorSession {
  readonly #stream: ClientDuplexStream<Ops, Acks>;
  readonly #pending = new Map<number, (ack: Ack) => void>();
  #out: Op[] = [];
  #id = 0;

  constructor(port: string) {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    });
    this.#stream = client.makeBidiStreamRequest(SESSION.path, SESSION.requestSerialize, SESSION.responseDeserialize);
    this.#stream.on("data", ({ acks = [] }: Acks) => {
      for (const ack of acks) {
        const answered = this.#pending.get(ack.id);
        this.#pending.delete(ack.id);
        answered?.(ack);
      }
    });
  }

  send(request: Request, onAck: (ack: Ack) => void): void {
    const op = { ...request, id: ++this.#id };
    this.#pending.set(op.id, onAck);
    if (this.#out.push(op) > 1) return;
    setImmediate(() => {
      const ops = this.#out;
      this.#out = [];
      this.#stream.write({ ops });
    });
  }
}

/** Resolves when two of them agreed; rejects when that cannot be any more. */
export function quorum(sessions: readonly FloorSession[], make: (index: number) => Request): Promise<void> {
  return new Promise((resolve, reject) => {
    let agreed = 0;
    let lost = 0;
    for (const [index, session] of sessions.entries()) {
      session.send(make(index), ({ status }) => {
        if (status === Status.CONFLICT) {
          lost += 1;
          if (lost > sessions.length - 2) reject(new Error("conflict"));
        } else {
          agreed += 1;
          if (agreed === 2) resolve();
        }
      });
    }
  });
}
