/** What every channel, server and method of ours has, with the reasons (RUNTIME.md: gRPC in Bun). */
import { type ChannelOptions, logVerbosity, type MethodDefinition, type ServerOptions, setLogVerbosity } from "@grpc/grpc-js";
import { KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MESSAGE_BYTES_MAX } from "../limits.ts";

// What goes wrong is told once, by us: grpc-js would print it to stderr besides.
setLogVerbosity(logVerbosity.NONE);

/** node:http2's own bound on what a session buffers is in the way of ours. */
const SESSION_MEMORY_MAX = 2 ** 32 - 1;

export const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc-node.max_session_memory": SESSION_MEMORY_MAX,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  // A channel lives and dies with its one user: no backoff or half-dead connection is inherited from another.
  "grpc.use_local_subchannel_pool": 1,
  // A request is sent again only where the register protocol says so.
  "grpc.enable_retries": 0,
  // Addresses are HOST:PORT; a proxy from the environment or a TXT record has no say.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};

export const SERVER_OPTIONS: ServerOptions = {
  "grpc-node.max_session_memory": SESSION_MEMORY_MAX,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
};

/** Messages are encoded and decoded by us, where a failure can be told properly: grpc-js carries the bytes. */
export const asItIs = (bytes: Buffer): Buffer => bytes;

export function methodDefinition(path: string, streaming: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: streaming,
    responseStream: streaming,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  };
}
