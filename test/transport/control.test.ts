import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { QdfsError } from "../../src/base/errors.ts";
import { CONNECT_MS } from "../../src/limits.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { GrpcControlDialer } from "../../src/transport/grpc-control.ts";
import { GrpcServer } from "../../src/transport/grpc-server.ts";
import { MemoryControlDialer } from "../../src/transport/memory-control.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { controlConformance } from "../conformance/control.ts";
import { freePort } from "./free-port.ts";

controlConformance("memory", () => {
  const runtime = new FakeRuntime();
  const network = new MemoryNetwork(runtime);
  return {
    runtime,
    serve: async (control, address = "server") => {
      const listener = network.listen(address, { control });
      return { address, kill: () => listener.close() };
    },
    dialer: () => new MemoryControlDialer(network, "client", runtime),
    deadAddress: async () => "nobody",
    until: (promise) => runtime.until(promise),
    close: () => {},
  };
});

controlConformance("gRPC", () => {
  const runtime = realRuntime("quiet");
  const servers: GrpcServer[] = [];
  return {
    runtime,
    serve: async (control, address) => {
      const server = new GrpcServer(runtime, { host: "127.0.0.1", port: Number(address?.split(":")[1] ?? 0), control });
      servers.push(server);
      return { address: await server.start(), kill: () => server.stop() };
    },
    dialer: () => new GrpcControlDialer(runtime),
    deadAddress: async () => `127.0.0.1:${await freePort()}`,
    until: async (promise) => await promise,
    close: () => {
      for (const server of servers) server.stop();
    },
  };
});

test("a host that takes connections and breaks them is named in a few words", async () => {
  const rude = createServer((socket) => socket.resetAndDestroy()).listen(0, "127.0.0.1");
  await new Promise((resolve) => rude.once("listening", resolve));
  const address = rude.address();
  const at = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const connection = new GrpcControlDialer(realRuntime("quiet")).connect(at);
  for (let attempt = 0; attempt < 3; attempt++) {
    const error = await connection.getMap().catch((failure) => failure);
    expect(error.code).toBe("CLUSTER_UNREACHABLE");
    expect(error.message).toMatch(/: (connection lost|no connection could be made)$/);
  }
  connection.close();
  rude.close();
});

test("a wall clock that went wrong, either way, keeps no call from being answered", async () => {
  const real = realRuntime("quiet");
  const never = () => Promise.reject(new QdfsError("NOT_FOUND", "here I am"));
  const server = new GrpcServer(real, { host: "127.0.0.1", port: 0, control: { getMap: never } });
  const address = await server.start();
  for (const shiftMs of [-86_400_000, 86_400_000]) {
    const clock = { monotonicMs: real.clock.monotonicMs, wallMs: () => real.clock.wallMs() + shiftMs };
    const connection = new GrpcControlDialer({ ...real, clock }).connect(address);
    expect(await connection.getMap().catch((error) => error.code)).toBe("NOT_FOUND");
    connection.close();
  }
  server.stop();
});

test("a host that takes the connection and says nothing is given up after CONNECT_MS", async () => {
  const mute = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => mute.once("listening", resolve));
  const address = mute.address();
  const port = typeof address === "object" ? address?.port : 0;
  const startMs = performance.now();
  const code = await new GrpcControlDialer(realRuntime("quiet"))
    .connect(`127.0.0.1:${port}`)
    .getMap()
    .catch((error) => error.code);
  expect(code).toBe("CLUSTER_UNREACHABLE");
  expect(performance.now() - startMs).toBeWithin(CONNECT_MS - 50, CONNECT_MS + 500);
  mute.close();
});
