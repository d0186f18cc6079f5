/**
 * The floor's messages and its one method, as proto-loader makes them: plain objects, converted both ways, as in most programs
 * over gRPC. The floor is a yardstick: it shares no line with what is measured by it, so that it does not move along.
 */
import { join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export const Kind = { PREPARE: 1, ACCEPT: 2, READ: 3 } as const;
export const Status = { OK: 0, CONFLICT: 1, ABSENT: 2 } as const;

/** One operation on one register. `ballot` of a read: 1 asks for the content as well. */
export interface Op {
  readonly id: number;
  readonly kind: number;
  readonly key: string;
  readonly ballot?: number;
  readonly content?: Uint8Array;
  readonly head?: string;
}

/** What is left out on the wire has its zero value. */
export interface Ack {
  readonly id: number;
  readonly status?: number;
  readonly ballot?: number;
  readonly content?: Uint8Array;
  readonly head?: string;
}

export interface Ops {
  readonly ops?: readonly Op[];
}

export interface Acks {
  readonly acks?: readonly Ack[];
}

function sessionMethod(): MethodDefinition<Ops, Acks> {
  const service = loadSync(join(import.meta.dir, "floor.proto"), { longs: Number })["floor.Node"];
  const method = service === undefined || "format" in service ? undefined : service.Session;
  if (method === undefined) throw new Error("floor.proto defines floor.Node.Session");
  return {
    path: method.path,
    requestStream: true,
    responseStream: true,
    requestSerialize: method.requestSerialize,
    requestDeserialize: (bytes) => method.requestDeserialize(bytes) as Ops,
    responseSerialize: method.responseSerialize,
    responseDeserialize: (bytes) => method.responseDeserialize(bytes) as Acks,
  };
}

export const SESSION = sessionMethod();

export const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
