/** A gRPC client that knows nothing of qdfs but its .proto files: what a stranger would write. */
import { isAbsolute, join, resolve } from "node:path";
import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const PROTO = resolve(import.meta.dir, "../../proto");
const health = protobuf.loadSync(`${PROTO}/grpc/health/v1/health.proto`);
const reflection = protobuf.loadSync(`${PROTO}/grpc/reflection/v1/reflection.proto`);

const qdfs = new protobuf.Root();
qdfs.resolvePath = (_, target) => (isAbsolute(target) ? target : join(PROTO, target));
qdfs.loadSync("qdfs/v1/session.proto");

const CALL_MS = 10_000;
const raw = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

export class PlainClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** The serving status of a service; "" is the whole server. */
  async health(service: string): Promise<string> {
    const request = health.lookupType("grpc.health.v1.HealthCheckRequest").encode({ service }).finish();
    const type = health.lookupType("grpc.health.v1.HealthCheckResponse");
    const answer = await this.unary("/grpc.health.v1.Health/Check", request);
    return String(type.toObject(type.decode(answer), { enums: String }).status);
  }

  /** The services that the server says it has. */
  async services(): Promise<readonly string[]> {
    const answer = await this.#reflect({ listServices: "*" });
    const listed: readonly { readonly name: string }[] = answer.listServicesResponse.service;
    return listed.map(({ name }) => name);
  }

  /** The number of .proto files that describe a symbol. */
  async filesDescribing(symbol: string): Promise<number> {
    const answer = await this.#reflect({ fileContainingSymbol: symbol });
    return answer.fileDescriptorResponse?.fileDescriptorProto.length ?? 0;
  }

  /** One call with whatever bytes; rejects with the ServiceError that the server answered. */
  unary(path: string, request: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + CALL_MS };
      this.#client.makeUnaryRequest(
        path,
        raw,
        (bytes) => bytes,
        request,
        options,
        (error: ServiceError | null, answer?: Buffer) => {
          if (error !== null || answer === undefined) reject(error ?? new Error("no answer"));
          else resolve(answer);
        },
      );
    });
  }

  session(): ClientDuplexStream<Uint8Array, Buffer> {
    return this.#client.makeBidiStreamRequest("/qdfs.v1.DataNode/Session", raw, (bytes) => bytes);
  }

  async #reflect(question: object) {
    const stream = this.#client.makeBidiStreamRequest(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      raw,
      (bytes) => bytes,
    );
    const answer = new Promise<Buffer>((resolve, reject) => stream.once("data", resolve).once("error", reject));
    stream.write(reflection.lookupType("grpc.reflection.v1.ServerReflectionRequest").encode(question).finish());
    const type = reflection.lookupType("grpc.reflection.v1.ServerReflectionResponse");
    const decoded = type.toObject(type.decode(await answer));
    stream.end();
    return decoded;
  }
}

/** The gRPC status code that a call ends with. (Bun's `expect().rejects` turns the event loop itself, in which answers get lost.) */
export async function codeOfCall(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return status.OK;
  } catch (error) {
    return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : undefined;
  }
}

/** Resolves with the gRPC status code that ends the stream. */
export function endOf(stream: ClientDuplexStream<Uint8Array, Buffer>): Promise<number> {
  return new Promise((resolve) => {
    stream.on("error", () => {});
    stream.on("status", ({ code }) => resolve(code));
    stream.resume();
  });
}

/** A message of the DataNode's session, from field names in camelCase. */
export function batchOf(fields: object): Uint8Array {
  const type = qdfs.lookupType("qdfs.v1.Batch");
  return type.encode(type.create(fields)).finish();
}
