/** Sessions over gRPC: the dialling end. Each attempt has a channel of its own, so grpc-js's own backoff is never waited for. */
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { QdfsError } from "../base/errors.ts";
import type { LamportCounter, Runtime } from "../ports.ts";
import type { Hello } from "../wire/messages.ts";
import { asItIs, CHANNEL_OPTIONS } from "./grpc-options.ts";
import { errorFromStatus, reasonOf } from "./grpc-status.ts";
import { SessionPool } from "./session-pool.ts";
import type { Wire, WireEvents } from "./wire.ts";

export const SESSION_PATH = "/qdfs.v1.DataNode/Session";

function dial(address: string, events: WireEvents): Wire {
  const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  const stream = client.makeBidiStreamRequest(SESSION_PATH, asItIs, asItIs, new Metadata(), {});
  let over = false;
  const ended = (error: QdfsError): void => {
    if (over) return;
    over = true;
    client.close();
    events.ended(error);
  };
  stream.on("data", (batch: Buffer) => {
    if (!over) events.received(batch);
  });
  stream.on("drain", () => {
    if (!over) events.drained();
  });
  stream.on("error", (error: ServiceError) => {
    ended(errorFromStatus(error) ?? new QdfsError("NODE_UNREACHABLE", reasonOf(error), { address }));
  });
  stream.on("end", () => ended(new QdfsError("NODE_UNREACHABLE", "the server ended the session", { address })));
  return {
    write: (batch) => stream.write(batch),
    close: () => {
      if (over) return;
      over = true;
      stream.cancel();
      client.close();
    },
  };
}

export class GrpcSessionDialer extends SessionPool {
  /** `hello`: what this process says of itself at the start of every stream. */
  constructor(runtime: Runtime, counter: LamportCounter, hello: () => Hello) {
    super({ runtime, counter, hello, dial });
  }
}
