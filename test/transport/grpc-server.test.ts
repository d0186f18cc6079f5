/** What a gRPC server of ours is to others: standard clients, strangers, and the operator who starts and stops it. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import { QdfsError } from "../../src/base/errors.ts";
import { MESSAGE_BYTES_MAX } from "../../src/limits.ts";
import type { SessionHandler } from "../../src/ports.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { GrpcServer, type GrpcServerOptions } from "../../src/transport/grpc-server.ts";
import { GrpcSessionDialer, SESSION_PATH } from "../../src/transport/grpc-session.ts";
import { batchCodec } from "../../src/wire/codec.ts";
import type { AnswerBody } from "../../src/wire/messages.ts";
import { heldOf, readOf, serviceOf, TestCounter } from "../conformance/session.ts";
import { StandardClient } from "./standard-client.ts";

const runtime = realRuntime("quiet");
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

async function start(options: Partial<GrpcServerOptions> = {}) {
  const server = new GrpcServer(runtime, { host: "127.0.0.1", port: 0, sessions: serviceOf({}), ...options });
  closing.push(() => server.stop());
  return { server, address: await server.start() };
}

function clientOf(address: string, options = {}): StandardClient {
  const client = new StandardClient(address, options);
  closing.push(() => client.close());
  return client;
}

function sessionTo(address: string) {
  const dialer = new GrpcSessionDialer(runtime, new TestCounter(1), () => ({ clusterId: "here", node: 0, version: "" }));
  closing.push(() => dialer.close());
  return dialer.session(address);
}

/** How a raw session ends after these messages were written. */
async function endAfter(client: StandardClient, messages: readonly Buffer[]): Promise<ServiceError> {
  const stream = client.stream(SESSION_PATH);
  stream.on("data", () => {});
  for (const message of messages) stream.write(message);
  return await new Promise((resolve) => stream.on("error", (error: ServiceError) => resolve(error)));
}

/** The code of what a promise rejects with. (Bun's `expect(…).rejects` stops the world while it waits, and gRPC with it.) */
async function codeFrom(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "no error",
    (error) => error.code,
  );
}

const HELLO = batchCodec.encode({ counter: 1, hello: { clusterId: "here", node: 0, version: "" } });

describe("a standard client", () => {
  test("is told the health of the server and of each service, also while it drains", async () => {
    const { server, address } = await start();
    const client = clientOf(address);
    expect(await client.health("")).toBe("SERVING");
    expect(await client.health("qdfs.v1.DataNode")).toBe("SERVING");
    expect(await codeFrom(client.health("qdfs.v1.SuperNode"))).toBe(status.NOT_FOUND);
    const heard: string[] = [];
    client.watch("", (said) => heard.push(said));
    await Bun.sleep(50);
    server.setServing(false);
    expect(await client.health("")).toBe("NOT_SERVING");
    await Bun.sleep(50);
    expect(heard).toEqual(["SERVING", "NOT_SERVING"]);
  });

  test("finds every service and every field by reflection, under the names of the .proto files", async () => {
    const { address } = await start();
    const client = clientOf(address);
    for (const version of ["v1", "v1alpha"]) {
      expect(await client.services(version)).toEqual([
        "qdfs.v1.DataNode",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
      ]);
    }
    const file = await client.described("qdfs.v1.DataNode");
    const names = (list: readonly { name?: string }[] | null | undefined) => (list ?? []).map(({ name }) => name);
    const message = (wanted: string) => file.messageType?.find(({ name }) => name === wanted);
    expect(names(file.service)).toEqual(["DataNode", "Cluster", "Member", "SuperNode", "Maintenance"]);
    expect(file.service?.[0]?.method?.[0]).toMatchObject({ name: "Session", clientStreaming: true, serverStreaming: true });
    expect(names(message("Hello")?.field)).toEqual(["cluster_id", "node", "version"]);
    expect(names(message("Request")?.field)).toContain("settle");
    expect(names(message("ClusterMap")?.field)).toContain("waiting_for");
    expect(names(file.enumType)).toContain("NodeState");
    const unknown = await client.reflect({ fileContainingSymbol: "no.such.Thing" });
    expect(unknown.errorResponse?.errorCode).toBe(status.NOT_FOUND);
  });

  test("finds the same in a compiled executable", async () => {
    const dir = mkdtempSync(join(tmpdir(), "qdfs-compiled-"));
    closing.push(() => rmSync(dir, { recursive: true }));
    const build = [process.execPath, "build", "--compile", join(import.meta.dir, "child.ts"), "--outfile", join(dir, "server")];
    expect(Bun.spawnSync(build, { stdout: "ignore", stderr: "pipe" }).exitCode).toBe(0);
    const child = Bun.spawn([join(dir, "server")], { cwd: dir, stdout: "pipe", stderr: "inherit" });
    closing.push(() => child.kill("SIGKILL"));
    const { value } = await child.stdout.getReader().read();
    const client = clientOf(new TextDecoder().decode(value).trim());
    expect(await client.health("qdfs.v1.DataNode")).toBe("SERVING");
    expect(await client.services()).toContain("qdfs.v1.DataNode");
    expect((await client.described("qdfs.v1.DataNode")).messageType?.length).toBeGreaterThan(40);
  }, 30_000);
});

describe("a stranger's session", () => {
  test("ends with INVALID_ARGUMENT for garbage, and for anything before the hello", async () => {
    const { address } = await start();
    const client = clientOf(address);
    const request = batchCodec.encode({ counter: 1, requests: [{ id: 1, configuration: 0, ...readOf("/a") }] });
    for (const messages of [[Buffer.from("garbage")], [HELLO, Buffer.alloc(999, 0xff)], [request], [Buffer.of()]]) {
      expect((await endAfter(client, messages)).code).toBe(status.INVALID_ARGUMENT);
    }
    await sessionTo(address).call(1, readOf("/still served"), 5000);
  });

  test("ends with RESOURCE_EXHAUSTED for a message above the bound", async () => {
    const { address } = await start();
    const client = clientOf(address, { "grpc.max_send_message_length": -1 });
    expect((await endAfter(client, [HELLO, Buffer.alloc(MESSAGE_BYTES_MAX + 1)])).code).toBe(status.RESOURCE_EXHAUSTED);
    await sessionTo(address).call(1, readOf("/still served"), 5000);
  });

  test("that never reads its answers makes the server hold a bounded number, and others are served", async () => {
    let asked = 0;
    const request: SessionHandler["request"] = (_, answer) => {
      asked += 1;
      answer(heldOf(Buffer.alloc(64 * 1024)));
    };
    const { address } = await start({ sessions: serviceOf({ request }) });
    await using deaf = await deafProxy(address);
    const stream = clientOf(deaf.address).stream(SESSION_PATH);
    stream.on("error", () => {});
    stream.write(HELLO);
    const requests = Array.from({ length: 100 }, (_, id) => ({ id: id + 1, configuration: 0, ...readOf("/a", 0) }));
    const message = batchCodec.encode({ counter: 1, requests });
    for (let index = 0; index < 100; index += 1) stream.write(message);
    await Bun.sleep(500);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(2000);
    await sessionTo(address).call(1, readOf("/other"), 5000);
    stream.cancel();
  });

  test("that vanishes takes its unanswered requests with it", async () => {
    const answers: ((body: AnswerBody) => void)[] = [];
    const { address } = await start({ sessions: serviceOf({ request: (_, answer) => void answers.push(answer) }) });
    const session = sessionTo(address);
    session.call(1, readOf("/a"), 5000).catch(() => {});
    await Bun.sleep(100);
    session.close();
    await Bun.sleep(50);
    for (const answer of answers) answer(heldOf(Buffer.of(1)));
    expect(answers.length).toBe(1);
  });
});

/** In front of a server: passes everything to it, and of what it says only the beginning, enough for a connection to stand. */
async function deafProxy(address: string): Promise<{ readonly address: string } & AsyncDisposable> {
  const [host = "", port = ""] = address.split(":");
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(port), host);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far);
    let passedBytes = 0;
    far.on("data", (bytes) => {
      near.write(bytes);
      passedBytes += bytes.length;
      if (passedBytes > DEAF_AFTER_BYTES) far.pause();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const bound = proxy.address();
  if (bound === null || typeof bound === "string") throw new Error("the proxy listens on a port");
  return {
    address: `127.0.0.1:${bound.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => proxy.close(() => resolve()));
    },
  };
}

/** More than the handshakes of HTTP/2 and of a session take. */
const DEAF_AFTER_BYTES = 4096;

describe("an operator", () => {
  test("is told that the port is in use", async () => {
    const { address } = await start();
    const port = Number(address.split(":")[1]);
    const second = new GrpcServer(runtime, { host: "127.0.0.1", port });
    const error = await second.start().catch((caught) => caught);
    expect(error).toBeInstanceOf(QdfsError);
    expect([error.code, error.message]).toEqual(["ADDRESS_IN_USE", `port ${port} is in use`]);
  });

  test("is told that a host is not here", async () => {
    const server = new GrpcServer(runtime, { host: "203.0.113.7", port: 0 });
    expect(await codeFrom(server.start())).toBe("BAD_USAGE");
  });

  test("can drain: what is under way is answered, new requests are refused, then the port is free", async () => {
    const answers: (() => void)[] = [];
    const request: SessionHandler["request"] = (asked, answer) => {
      if (asked.read?.path === "/slow") answers.push(() => answer(heldOf(Buffer.from("done"))));
      else answer(heldOf(Buffer.of()));
    };
    const { server, address } = await start({ sessions: serviceOf({ request }) });
    const session = sessionTo(address);
    const slow = session.call(1, readOf("/slow"), 5000);
    await Bun.sleep(100);
    const drained = server.drain(5000);
    await Bun.sleep(20);
    expect(await codeFrom(session.call(1, readOf("/new"), 5000))).toBe("SHUTTING_DOWN");
    for (const answer of answers) answer();
    expect(Buffer.from((await slow).held?.content ?? []).toString()).toBe("done");
    await drained;
    const { server: next } = await start({ port: Number(address.split(":")[1]) });
    next.stop();
  });

  test("waits no longer than was said for what never ends", async () => {
    const { server, address } = await start({ sessions: serviceOf({ request: () => {} }) });
    const call = sessionTo(address).call(1, readOf("/never"), 5000);
    const outcome = call.catch((error) => error.code);
    await Bun.sleep(100);
    const startMs = performance.now();
    await server.drain(200);
    expect(performance.now() - startMs).toBeWithin(190, 400);
    expect(await outcome).toBe("NODE_SILENT");
  });
});
