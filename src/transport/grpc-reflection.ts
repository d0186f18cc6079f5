/** Server reflection (v1 and v1alpha): what grpcurl and its like need to call a server whose .proto files they lack. */
import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import { ReflectionV1Implementation } from "@grpc/reflection/build/src/implementations/reflection-v1.js";
import { describedPackages, reflectionService } from "./grpc-definitions.ts";

type Request = Parameters<ReflectionV1Implementation["handleServerReflectionRequest"]>[0];
type Response = ReturnType<ReflectionV1Implementation["handleServerReflectionRequest"]>;

/** `services`: full names of those that this server has, which alone are listed. */
export function addReflection(server: Server, services: readonly string[]): void {
  // Built at the first question: servers start without paying for it.
  let implementation: ReflectionV1Implementation | undefined;
  const ServerReflectionInfo = (stream: ServerDuplexStream<Request, Response>): void => {
    implementation ??= new ReflectionV1Implementation(describedPackages(), { services: [...services] });
    const described = implementation;
    stream.on("error", () => {});
    stream.on("end", () => stream.end());
    stream.on("data", (request: Request) => {
      // Questions wait while their answers are not taken.
      // biome-ignore lint/complexity/useLiteralKeys: private in the types, and all that we need of the class
      if (stream.write(described["handleServerReflectionRequest"](request))) return;
      stream.pause();
      stream.once("drain", () => stream.resume());
    });
  };
  server.addService(reflectionService("v1"), { ServerReflectionInfo });
  server.addService(reflectionService("v1alpha"), { ServerReflectionInfo });
}
