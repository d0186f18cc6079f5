import { realRuntime } from "../../src/runtime/runtime.ts";
import { GrpcServer } from "../../src/transport/grpc-server.ts";
import { GrpcSessionDialer } from "../../src/transport/grpc-session.ts";
import { type SessionWorld, sessionConformance } from "../conformance/session.ts";
import { freePort } from "./free-port.ts";

const runtime = realRuntime("quiet");

async function grpcWorld(): Promise<SessionWorld> {
  const servers: GrpcServer[] = [];
  return {
    runtime,
    serve: async (sessions, address) => {
      const server = new GrpcServer(runtime, { host: "127.0.0.1", port: Number(address?.split(":")[1] ?? 0), sessions });
      servers.push(server);
      return { address: await server.start(), kill: () => server.stop() };
    },
    dialer: (counter, hello) => new GrpcSessionDialer(runtime, counter, hello),
    deadAddress: async () => `127.0.0.1:${await freePort()}`,
    until: async (promise) => await promise,
    pass: (spanMs) => Bun.sleep(spanMs),
    close: () => {
      for (const server of servers) server.stop();
    },
  };
}

sessionConformance("gRPC", grpcWorld);
