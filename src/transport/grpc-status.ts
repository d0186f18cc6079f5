/** Between QdfsErrors and gRPC statuses. The whole error travels in the trailing metadata, so that nothing is guessed. */
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { codeOf, ERRORS, type QdfsError } from "../base/errors.ts";
import { codecOf } from "../wire/codec.ts";
import { errorOf, failureOf } from "../wire/failure.ts";
import type { Failure } from "../wire/messages.ts";

const FAILURE_KEY = "qdfs-failure-bin";
const failureCodec = codecOf<Failure>("Failure");

/** What a handler of grpc-js may end a call with. */
export interface Status {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export function statusOf(error: QdfsError): Status {
  const metadata = new Metadata();
  metadata.set(FAILURE_KEY, failureCodec.encode(failureOf(error)));
  return { code: ERRORS[error.code].grpc, details: error.message, metadata };
}

/** The QdfsError that the server ended the call with; undefined: gRPC itself did, or a server that is none of ours. */
export function errorFromStatus(error: ServiceError): QdfsError | undefined {
  const packed = error.metadata?.get(FAILURE_KEY)[0];
  if (!(packed instanceof Buffer)) return undefined;
  try {
    return errorOf(failureCodec.decode(packed));
  } catch (unreadable) {
    if (codeOf(unreadable) === undefined) throw unreadable;
    return undefined;
  }
}

/** In a few words why gRPC itself ended a call. grpc-js tells the cause in its text alone. */
export function reasonOf(error: ServiceError): string {
  if (error.code === status.DEADLINE_EXCEEDED) return "timed out";
  if (error.details.includes("ECONNREFUSED")) return "connection refused";
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(error.details)) return "unknown host";
  if (/EHOSTUNREACH|ENETUNREACH/.test(error.details)) return "no route to it";
  if (/ECONNRESET|Connection dropped|Stream removed|RST_STREAM|socket hang up/.test(error.details)) return "connection lost";
  if (error.details.includes("No connection established")) return "no connection could be made";
  return error.details === "" ? `gRPC status ${error.code}` : error.details;
}
