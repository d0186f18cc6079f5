/** A plain grpc-js client that knows nothing of qdfs but the standard services, by hand-written codecs of its own root. */
import { type ChannelOptions, Client, credentials, type deserialize, Metadata, type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor";
import healthText from "../../proto/grpc/health/v1/health.proto" with { type: "text" };
import reflectionText from "../../proto/grpc/reflection/v1/reflection.proto" with { type: "text" };

const root = new protobuf.Root();
protobuf.parse(healthText, root);
protobuf.parse(reflectionText, root);

interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorCode: number };
}

const decoder =
  <T>(name: string): deserialize<T> =>
  (bytes) =>
    root.lookupType(name).toObject(root.lookupType(name).decode(bytes), { enums: String, defaults: false }) as T;
const encode = (name: string, message: object): Buffer => Buffer.from(root.lookupType(name).encode(message).finish());
const asItIs = (bytes: Buffer): Buffer => bytes;

export class StandardClient {
  readonly client: Client;

  constructor(address: string, options: ChannelOptions = {}) {
    this.client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1, ...options });
  }

  /** @throws ServiceError */
  unary(path: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer): void =>
        error ? reject(error) : resolve(answer ?? Buffer.of());
      this.client.makeUnaryRequest(path, asItIs, asItIs, request, { deadline: Date.now() + 5000 }, done);
    });
  }

  stream(path: string) {
    return this.client.makeBidiStreamRequest(path, asItIs, asItIs, new Metadata(), {});
  }

  async health(service: string): Promise<string> {
    const answer = await this.unary("/grpc.health.v1.Health/Check", encode("grpc.health.v1.HealthCheckRequest", { service }));
    return decoder<{ status: string }>("grpc.health.v1.HealthCheckResponse")(answer).status;
  }

  /** What a watch says, as it says it. */
  watch(service: string, heard: (status: string) => void): void {
    const decode = decoder<{ status: string }>("grpc.health.v1.HealthCheckResponse");
    const request = encode("grpc.health.v1.HealthCheckRequest", { service });
    const stream = this.client.makeServerStreamRequest(
      "/grpc.health.v1.Health/Watch",
      asItIs,
      decode,
      request,
      new Metadata(),
      {},
    );
    stream.on("data", ({ status }) => heard(status));
    stream.on("error", () => {});
  }

  reflect(question: object, version = "v1"): Promise<Reflected> {
    return new Promise((resolve, reject) => {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      const stream = this.stream(path);
      const decode = decoder<Reflected>("grpc.reflection.v1.ServerReflectionResponse");
      stream.on("data", (bytes: Buffer) => {
        resolve(decode(bytes));
        stream.end();
      });
      stream.on("error", reject);
      stream.write(encode("grpc.reflection.v1.ServerReflectionRequest", question));
    });
  }

  async services(version?: string): Promise<string[]> {
    const answer = await this.reflect({ listServices: "*" }, version);
    return (answer.listServicesResponse?.service ?? []).map(({ name }) => name);
  }

  /** The description of the file that has a symbol. */
  async described(symbol: string): Promise<descriptor.IFileDescriptorProto> {
    const answer = await this.reflect({ fileContainingSymbol: symbol });
    const [first] = answer.fileDescriptorResponse?.fileDescriptorProto ?? [];
    const decoded = descriptor.FileDescriptorProto.decode(first ?? new Uint8Array());
    return descriptor.FileDescriptorProto.toObject(decoded, { defaults: false });
  }

  close(): void {
    this.client.close();
  }
}
